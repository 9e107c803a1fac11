import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/principal.ts';
import { Health, type HealthReport } from './health.ts';

/** For whoever runs the service; not logged, needs no token. */
@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly health: Health) {}

  @Get('startup')
  startup(@Res({ passthrough: true }) reply: FastifyReply): HealthReport {
    return answer(this.health.report('startup'), reply);
  }

  @Get('live')
  live(@Res({ passthrough: true }) reply: FastifyReply): HealthReport {
    return answer(this.health.report('live'), reply);
  }

  @Get('ready')
  ready(@Res({ passthrough: true }) reply: FastifyReply): HealthReport {
    return answer(this.health.report('ready'), reply);
  }
}

function answer(report: HealthReport, reply: FastifyReply): HealthReport {
  void reply.code(report.status === 'failing' ? 503 : 200).header('cache-control', 'no-store');
  return report;
}
