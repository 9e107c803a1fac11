import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { id } from '@shop/contracts';
import { CurrentPrincipal, Database, RequireScope, type Principal } from '@shop/platform';
import { z } from 'zod';
import { askNow, openOutcomes, type Asked, type OpenOutcome } from './open-outcomes.ts';

const which = z.strictObject({ order: id.optional() });

/** What has not come of it in this time is told as it is, in ms: within the time that a request has. */
const PATIENCE_MS = 3_000;

/**
 * What an operator of payments can do beyond the messaging of every service: see which money is in doubt, and have the
 * provider asked now.
 */
@Controller('operations')
@RequireScope('operations')
export class PaymentOperationsController {
  constructor(private readonly database: Database) {}

  /** Longest open first. */
  @Get('open-outcomes')
  async list(@Query({ schema: which }) { order }: z.output<typeof which>): Promise<{ items: OpenOutcome[] }> {
    return { items: await openOutcomes(this.database, order) };
  }

  /** Of one order, or of all. */
  @Post('open-outcomes/ask')
  @HttpCode(200)
  async ask(
    @CurrentPrincipal() { subject: operator }: Principal,
    @Body({ schema: which }) { order }: z.output<typeof which>,
  ): Promise<{ items: Asked[] }> {
    return { items: await askNow(this.database, { operator, order, patience: PATIENCE_MS }) };
  }
}
