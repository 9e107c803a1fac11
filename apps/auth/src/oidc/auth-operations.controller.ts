import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { CurrentPrincipal, Database, RequireScope, type Principal } from '@shop/platform';
import { z } from 'zod';
import { Audit, type Noted } from '../audit/audit.ts';
import { ProviderHost } from './provider-host.ts';
import { keyStates, type KeyState } from './signing-keys.ts';

const asked = z.strictObject({ account: z.string().max(64).optional(), limit: z.coerce.number().int().min(1).max(1_000).default(100) });

/** What an operator of auth can do, as at every other service not through the gateway: change the signing key, and read what happened. */
@Controller('operations')
@RequireScope('operations')
export class AuthOperationsController {
  constructor(
    private readonly host: ProviderHost,
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  @Get('signing-keys')
  async keys(): Promise<{ items: KeyState[] }> {
    return { items: await keyStates(this.database) };
  }

  /** Publishes the next key at once; it signs when everybody has had the time to fetch it. */
  @Post('signing-keys/rotation')
  @HttpCode(202)
  async rotate(@CurrentPrincipal() { subject }: Principal): Promise<{ kid: string }> {
    const kid = await this.host.rotate(subject);
    if (kid === undefined) throw new DomainError('conflict', 'rotation-under-way', 'The next key is published already and does not sign yet.');
    return { kid };
  }

  @Get('security-events')
  async events(@Query({ schema: asked }) query: z.output<typeof asked>): Promise<{ items: Noted[] }> {
    return { items: await this.audit.latest(query) };
  }
}
