import { setTimeout as sleep } from 'node:timers/promises';
import { audited } from '@shop/eventing';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';
import { LEASE_MS } from './payment-rows.ts';

/** A move of money that the provider has not answered for (docs/adr/0011). */
export interface OpenOutcome {
  readonly orderId: string;
  readonly move: 'authorise' | 'capture' | 'void';
  /** Given up meanwhile: whatever comes of it is let go. */
  readonly unwanted: boolean;
  /** When the provider was last asked for the move, at the latest. */
  readonly askedAt: Date;
  /** When its ledger is looked at next, and how often it was. */
  readonly dueAt: Date;
  readonly attempts: number;
}

/** Longest open first; of one order, if it is named. */
export function openOutcomes(database: Database, order?: string): Promise<OpenOutcome[]> {
  return database.query<OpenOutcome>(
    `SELECT order_id AS "orderId", move, unwanted, asked_at AS "askedAt", due_at AS "dueAt", attempts
     FROM open_outcomes WHERE $1::uuid IS NULL OR order_id = $1 ORDER BY asked_at LIMIT ${MOST_LISTED}`,
    [order],
  );
}

const MOST_LISTED = 1_000;

export interface AskNow {
  readonly operator: string;
  /** One order; every open outcome unless said. */
  readonly order?: string | undefined;
  /** How long to wait for an answer, in ms (15,000): longer than an instance may keep one it has just begun with. */
  readonly patience?: number | undefined;
}

/** What became of asking. */
export interface Asked {
  readonly orderId: string;
  readonly known: boolean;
  readonly outcome: string;
}

/**
 * Has payments look into the provider's ledger now instead of when it would next, and waits for what comes of it. By
 * the service, not by us: what is found out is money that moves. Throws `not-found` when nothing is open.
 */
export async function askNow(database: Database, { operator, order, patience = 15_000 }: AskNow): Promise<Asked[]> {
  const open = await openOutcomes(database, order);
  if (open.length === 0)
    throw new DomainError(
      'not-found',
      'no-open-outcome',
      order === undefined ? 'No outcome is open.' : `Order ${order} has no open outcome.`,
    );
  const until = performance.now() + patience;
  return Promise.all(
    open.map(async (one) => ({ orderId: one.orderId, ...(await ask(database, one, { operator, until })) })),
  );
}

const KNOWN = 'is known now';

async function ask(
  database: Database,
  { orderId, attempts }: OpenOutcome,
  { operator, until }: { operator: string; until: number },
): Promise<Omit<Asked, 'orderId'>> {
  const outcome = await audited(
    database,
    { operator, action: 'ask', consumer: 'payments.commands', key: orderId },
    async () => {
      // One that is due within a lease may be in somebody's hands just now, and is looked at by then anyway.
      await database.query(
        `UPDATE open_outcomes SET due_at = clock_timestamp() WHERE order_id = $1 AND due_at > clock_timestamp() + $2 * interval '1 millisecond'`,
        [orderId, LEASE_MS],
      );
      for (; ; await sleep(100)) {
        const [now] = await openOutcomes(database, orderId);
        if (!now) return KNOWN;
        if (performance.now() < until) continue;
        return now.attempts > attempts
          ? 'still open: the ledger was asked, and does not tell yet'
          : 'asked for, but nobody has looked at it: does payments run?';
      }
    },
  );
  return { known: outcome === KNOWN, outcome };
}
