import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import { Background } from '@shop/eventing';
import { CurrentPrincipal, Database, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { announceAll } from './announce-all.ts';
import { ProductAnnouncement } from './product-announcement.ts';

/** What an operator of catalog can do beyond the messaging of every service: have its products announced again. */
@Controller('operations')
@RequireScope('operations')
export class ProductOperationsController {
  constructor(
    private readonly database: Database,
    private readonly announcement: ProductAnnouncement,
    private readonly background: Background,
  ) {}

  /** Begun, and not waited for: /operations/actions tells what came of it. */
  @Post('announcements/products')
  @HttpCode(202)
  announce(
    @CurrentPrincipal() { subject }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): { see: string } {
    this.background.start('announcement', (signal) =>
      announceAll(this.database, this.announcement, { operator: subject, signal }),
    );
    const see = '/operations/actions';
    void reply.header('location', see);
    return { see };
  }
}
