import { Injectable } from '@nestjs/common';
import { LookedThrough } from '@shop/eventing';
import { Database, Health, Logger, Recurring, withTraceparent } from '@shop/platform';
import { PaymentsConfig } from './config.ts';
import { claimDue, lookAgain, type DueOutcome } from './payment-rows.ts';
import { Payments } from './payments.ts';

const AT_ONCE = 16;
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 60_000;
/** A look may wait for a provider that does not answer, twice. */
const STALE_AFTER_MS = 30_000;

/**
 * Asks the provider's ledger about outcomes that are open. They are rows, so they outlive crashes; an instance takes
 * those it looks at for a while, and whatever it leaves undone is looked at again, by itself or by another, ever more
 * rarely but without end.
 */
@Injectable()
export class Reconciliation extends Recurring {
  private readonly looked = new LookedThrough();

  constructor(
    private readonly payments: Payments,
    private readonly database: Database,
    private readonly config: PaymentsConfig,
    private readonly log: Logger,
    health: Health,
  ) {
    super({ what: 'reconciliation', everyMs: 500, staleAfterMs: STALE_AFTER_MS, log, health });
  }

  protected override async look(): Promise<void> {
    const due = await claimDue(this.database, this.config.PROVIDER_SETTLES_WITHIN_MS, AT_ONCE, this.looked);
    await Promise.all(due.map((outcome) => this.findOut(outcome)));
  }

  /** An outcome that stays open, whatever the reason, keeps no other from being found out. */
  private async findOut(outcome: DueOutcome): Promise<void> {
    const { orderId, attempts, cause } = outcome;
    const about = { order: orderId, attempts };
    const known = await withTraceparent(cause.traceparent, 'payments reconcile', () =>
      this.payments.reconcile(outcome),
    ).catch((error: unknown) => {
      this.log.warn({ err: error, ...about }, 'what became of a payment is still open');
      return false;
    });
    if (known) this.log.info(about, 'what became of a payment is known by the ledger');
    else
      await lookAgain(
        this.database,
        orderId,
        Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2),
      );
  }
}
