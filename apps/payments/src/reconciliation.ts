import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database, Health, Logger, withTraceparent } from '@shop/platform';
import { PaymentsConfig } from './config.ts';
import { claimDue, lookAgain, type DueOutcome } from './payment-rows.ts';
import { Payments } from './payments.ts';

const EVERY_MS = 500;
const AT_ONCE = 16;
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 60_000;
/** A look may wait for a provider that does not answer, twice. */
const STALE_AFTER_MS = 30_000;

/**
 * Asks the provider's ledger about outcomes that are open. They are rows, so they outlive crashes; an instance takes those it looks at for
 * a while, and whatever it leaves undone is looked at again, by itself or by another, ever more rarely but without end.
 */
@Injectable()
export class Reconciliation implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastTick = Date.now();

  constructor(
    private readonly payments: Payments,
    private readonly database: Database,
    private readonly config: PaymentsConfig,
    private readonly log: Logger,
    health: Health,
  ) {
    health.live('reconciliation', () => {
      const age = Date.now() - this.#lastTick;
      return age > STALE_AFTER_MS ? `last look ${age} ms ago` : undefined;
    });
  }

  onApplicationBootstrap(): void {
    this.#running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** One look at what is due. */
  async tick(): Promise<void> {
    try {
      const due = await claimDue(this.database, this.config.PROVIDER_SETTLES_WITHIN_MS, AT_ONCE);
      await Promise.all(due.map((outcome) => this.look(outcome)));
      this.#lastTick = Date.now();
    } catch (error) {
      this.log.warn({ err: error }, 'open outcomes could not be looked at; trying again');
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.tick();
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** An outcome that stays open, whatever the reason, keeps no other from being found out. */
  private async look(outcome: DueOutcome): Promise<void> {
    const { orderId, attempts, cause } = outcome;
    const about = { order: orderId, attempts };
    const known = await withTraceparent(cause.traceparent, 'payments reconcile', () => this.payments.reconcile(outcome)).catch((error: unknown) => {
      this.log.warn({ err: error, ...about }, 'what became of a payment is still open');
      return false;
    });
    if (known) this.log.info(about, 'what became of a payment is known by the ledger');
    else await lookAgain(this.database, orderId, Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2));
  }
}
