import { lookFrom, LookedThrough } from '@shop/eventing';
import type { Database, Transaction } from '@shop/platform';
import { payment, type Payment } from './domain/payment.ts';

/** A payment, and how many of its outcomes have been announced. */
export interface Stored {
  readonly state: Payment;
  readonly version: number;
}

/** As it was when it was read (performance.now()). */
export interface Loaded extends Stored {
  readonly readAt: number;
}

/** What caused a move whose outcome is open. */
export interface Cause {
  readonly messageId?: string;
  readonly traceparent?: string;
}

interface Row {
  status: 'authorised' | 'captured' | 'declined' | 'voided' | null;
  payment_id: string | null;
  amount: string | null;
  currency: string | null;
  reason: string | null;
  version: number | null;
  move: 'authorise' | 'capture' | 'void' | null;
  asked_amount: string | null;
  asked_currency: string | null;
  payment_token: string | null;
  unwanted: boolean | null;
}

/** How long after an answer did not come the ledger is asked for the first time. */
const FIRST_LOOK_MS = 500;

/** A payment as its two rows have it: what is known, and what is open. */
export async function load(database: Database, orderId: string): Promise<Loaded> {
  const readAt = performance.now();
  const [row] = await database.query<Row>(
    `SELECT p.status, p.payment_id, p.amount, p.currency, p.reason, p.version,
            o.move, o.amount AS asked_amount, o.currency AS asked_currency, o.payment_token, o.unwanted
     FROM payments AS p FULL JOIN open_outcomes AS o USING (order_id) WHERE order_id = $1`,
    [orderId],
    'payment-load',
  );
  return row
    ? { state: stateOf(row), version: row.version ?? 0, readAt }
    : { state: payment.initial, version: 0, readAt };
}

/** What a decision makes of a payment. */
export interface Change {
  readonly orderId: string;
  readonly before: Stored;
  readonly after: Stored;
  readonly cause: Cause;
}

/** Writes both rows, and so holds their locks, only if they are still what was decided on. */
export async function save(tx: Transaction, change: Change): Promise<void> {
  if (change.after.version > change.before.version) await saveKnown(tx, change);
  await saveOpen(tx, change);
}

async function saveKnown(tx: Transaction, { orderId, before, after: { state, version } }: Change): Promise<void> {
  const held = 'paymentId' in state ? state : 'held' in state ? state.held : undefined;
  const reason = 'reason' in state ? state.reason : undefined;
  const saved = tx.query(
    `INSERT INTO payments (order_id, status, payment_id, amount, currency, reason, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
       SET status = excluded.status, payment_id = excluded.payment_id, amount = excluded.amount, currency = excluded.currency,
           reason = excluded.reason, version = excluded.version, updated_at = clock_timestamp()
       WHERE payments.version = $8
     RETURNING 1`,
    [orderId, state.status, held?.paymentId, held?.amount, held?.currency, reason, version, before.version],
    'payment-save',
  );
  await mustHit(orderId, saved);
}

async function saveOpen(tx: Transaction, { orderId, before, after, cause }: Change): Promise<void> {
  const [was, is] = [openOf(before.state), openOf(after.state)];
  if (was && was.move !== is?.move)
    await mustHit(orderId, tx.query(KNOWN, [orderId, was.move, was.unwanted], 'outcome-known'));
  else if (was && was.unwanted !== is?.unwanted)
    await mustHit(orderId, tx.query(UNWANTED, [orderId, was.move], 'outcome-unwanted'));
  if (is && was?.move !== is.move) await insertOpen(tx, orderId, { ...is, cause, version: after.version });
}

const KNOWN = 'DELETE FROM open_outcomes WHERE order_id = $1 AND move = $2 AND unwanted = $3 RETURNING 1';
const UNWANTED =
  'UPDATE open_outcomes SET unwanted = true, due_at = clock_timestamp() WHERE order_id = $1 AND move = $2 AND NOT unwanted RETURNING 1';

interface Open {
  readonly move: 'authorise' | 'capture' | 'void';
  readonly unwanted: boolean;
  readonly request?: { readonly amount: number; readonly currency: string; readonly paymentToken: string };
}

/** Only beside what is known by now, as the transaction itself has written it. */
async function insertOpen(
  tx: Transaction,
  orderId: string,
  { move, request, cause, version }: Open & { cause: Cause; version: number },
): Promise<void> {
  const inserted = tx.query(
    `INSERT INTO open_outcomes (order_id, move, amount, currency, payment_token, due_at, caused_by, traceparent)
     SELECT $1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond', $7, $8
     WHERE coalesce((SELECT version FROM payments WHERE order_id = $1), 0) = $9
     ON CONFLICT ON CONSTRAINT open_outcomes_pkey DO NOTHING RETURNING 1`,
    [
      orderId,
      move,
      request?.amount,
      request?.currency,
      request?.paymentToken,
      FIRST_LOOK_MS,
      cause.messageId,
      cause.traceparent,
      version,
    ],
    'outcome-open',
  );
  await mustHit(orderId, inserted);
}

/** A row that is not as it was decided on is not written: whoever decided has to decide again. */
async function mustHit(orderId: string, written: Promise<unknown[]>): Promise<void> {
  if ((await written).length === 0)
    throw new Error(`The payment of order ${orderId} has changed meanwhile; deciding again`);
}

function openOf(state: Payment): Open | undefined {
  if (state.status === 'unknown') return { move: 'authorise', unwanted: state.unwanted, request: state };
  return state.status === 'authorised' && state.open ? { move: state.open, unwanted: false } : undefined;
}

function stateOf(row: Row): Payment {
  // Which columns are filled is the tables' constraints.
  const held =
    row.payment_id === null
      ? undefined
      : { paymentId: row.payment_id, amount: Number(row.amount), currency: row.currency ?? '' };
  switch (row.status) {
    case null: {
      const { asked_amount: amount, asked_currency: currency, payment_token: paymentToken, unwanted } = row;
      return {
        status: 'unknown',
        unwanted: unwanted ?? false,
        amount: Number(amount),
        currency: currency ?? '',
        paymentToken: paymentToken ?? '',
      };
    }
    case 'authorised':
    case 'captured':
      if (!held) throw new Error(`A payment is ${row.status} without money: the row is damaged`);
      if (row.status === 'captured') return { status: row.status, ...held };
      return {
        status: row.status,
        ...held,
        ...(row.move === 'capture' || row.move === 'void' ? { open: row.move } : {}),
      };
    case 'declined':
      return { status: 'declined', reason: row.reason ?? '' };
    case 'voided':
      return held ? { status: 'voided', held } : { status: 'voided' };
  }
}

/** An open outcome that is due, as `claim` hands it out. */
export interface DueOutcome {
  readonly orderId: string;
  /** Whatever the provider was asked for has been carried out by now, or never will be. */
  readonly quiet: boolean;
  readonly attempts: number;
  readonly cause: Cause;
}

/**
 * How long a claimed outcome is left to whoever claimed it, in case it dies. By its end nobody asks the provider on the
 * strength of this claim.
 */
export const LEASE_MS = 12_000;

/**
 * Takes outcomes that are due; no other instance gets them until the lease is over. By when the provider may last have
 * been asked is written here, before anybody asks: a crash after the call must not make the provider look quieter than
 * it is.
 */
export async function claimDue(
  database: Database,
  settlesWithinMs: number,
  limit: number,
  looked = new LookedThrough(),
): Promise<DueOutcome[]> {
  const rows = await database.query<{
    at: string;
    order_id: string | null;
    quiet: boolean;
    attempts: number;
    caused_by: string | null;
    traceparent: string | null;
  }>(
    `WITH due AS (SELECT order_id FROM open_outcomes WHERE due_at > ${lookFrom('$4')} AND due_at <= now() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED),
     claimed AS (UPDATE open_outcomes AS o
     SET attempts = attempts + 1, due_at = clock_timestamp() + $1 * interval '1 millisecond',
         asked_at = CASE WHEN unwanted THEN asked_at ELSE clock_timestamp() + $1 * interval '1 millisecond' END
     FROM due WHERE o.order_id = due.order_id
     RETURNING o.order_id, attempts, caused_by, traceparent, unwanted AND asked_at < clock_timestamp() - $3 * interval '1 millisecond' AS quiet)
     SELECT now()::text AS at, claimed.* FROM (VALUES (1)) AS look LEFT JOIN claimed ON true`,
    [LEASE_MS, limit, settlesWithinMs, looked.from()],
    'outcomes-claim',
  );
  const claimed = rows.flatMap(({ order_id: orderId, quiet, attempts, caused_by, traceparent }): DueOutcome[] =>
    orderId === null
      ? []
      : [
          {
            orderId,
            quiet,
            attempts,
            cause: { messageId: caused_by ?? undefined, traceparent: traceparent ?? undefined },
          },
        ],
  );
  if (claimed.length < limit) looked.upTo(rows[0]?.at);
  return claimed;
}

/** Puts an outcome off that is still open. */
export async function lookAgain(database: Database, orderId: string, inMs: number): Promise<void> {
  const sql = `UPDATE open_outcomes SET due_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE order_id = $1`;
  await database.query(sql, [orderId, inMs], 'outcome-put-off');
}
