import { id } from '@shop/contracts';
import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { CurrentPrincipal, Database, RequireScope, type Principal } from '@shop/platform';
import { z } from 'zod';
import { Accounts } from '../accounts/accounts.ts';
import { Factors } from '../factors/factors.ts';
import { Audit, type Noted } from '../audit/audit.ts';
import { ProviderHost } from './provider-host.ts';
import { keyStates, type KeyState } from './signing-keys.ts';

const byId = z.object({ id });
const asked = z.strictObject({
  account: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

/**
 * What an operator of auth can do, as at every other service not through the gateway: change the signing key, and read
 * what happened.
 */
@Controller('operations')
@RequireScope('operations')
export class AuthOperationsController {
  constructor(
    private readonly host: ProviderHost,
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly accounts: Accounts,
    private readonly factors: Factors,
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
    if (kid === undefined)
      throw new DomainError(
        'conflict',
        'rotation-under-way',
        'The next key is published already and does not sign yet.',
      );
    return { kid };
  }

  /**
   * For somebody who has lost every factor and has shown who they are: the password stays, all that is signed in ends,
   * and the log says who did it.
   */
  @Post('accounts/:id/second-factors/removal')
  @HttpCode(200)
  async removeFactors(
    @Param({ schema: byId }) { id }: z.output<typeof byId>,
    @CurrentPrincipal() { subject }: Principal,
  ): Promise<{ removed: number }> {
    await this.accounts.recipient(id);
    return { removed: await this.factors.takeAllAway(id, subject) };
  }

  @Get('security-events')
  async events(@Query({ schema: asked }) query: z.output<typeof asked>): Promise<{ items: Noted[] }> {
    return { items: await this.audit.latest(query) };
  }
}
