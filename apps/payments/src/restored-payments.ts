import { paymentAuthorised, paymentCaptured, paymentDeclined, paymentVoided, type CloudEvent } from '@shop/contracts';
import { event, type Outbox, type Outgoing } from '@shop/eventing';
import type { Database } from '@shop/platform';
import type { PaymentProvider } from './payment-provider.ts';

/** What came of putting back what a restored database lacks. */
export interface PutBack {
  readonly fromTopic: number;
  readonly fromLedger: number;
  /** Orders of which the ledger says something that our book cannot take over. */
  readonly lacking: readonly { readonly id: string; readonly reason: string }[];
}

/** What is known of a payment, as a row has it. */
export interface KnownPayment {
  readonly status: 'authorised' | 'captured' | 'declined' | 'voided';
  readonly version: number;
  readonly held?: { readonly paymentId: string; readonly amount: number; readonly currency: string };
  readonly reason?: string;
}

/**
 * What the published outcomes of each order come to: the last one counts, and money that was held once is known by its
 * name from then on.
 */
export function outcomesOf(facts: readonly CloudEvent[]): Map<string, KnownPayment> {
  const known = new Map<string, KnownPayment>();
  const numbered = facts
    .flatMap((fact) => (fact.sequence === undefined ? [] : [{ ...fact, version: Number(fact.sequence) }]))
    .sort((a, b) => a.version - b.version);
  for (const { type, data, subject, version } of numbered) {
    const held = known.get(subject)?.held;
    if (type === paymentAuthorised.type || type === paymentCaptured.type) {
      const { paymentId, amount, currency } = paymentAuthorised.data.parse(data);
      known.set(subject, {
        status: type === paymentCaptured.type ? 'captured' : 'authorised',
        version,
        held: { paymentId, amount, currency },
      });
    } else if (type === paymentDeclined.type)
      known.set(subject, { status: 'declined', version, reason: paymentDeclined.data.parse(data).reason });
    else if (type === paymentVoided.type) known.set(subject, { status: 'voided', version, ...(held && { held }) });
  }
  return known;
}

/**
 * Puts payments back that a restored database lacks: first what was published, then, where that says nothing or less,
 * what the provider's ledger says: of money it is the truth. Commands that are read again find their payment as it is,
 * and move nothing. To be repeated at will; with `dryRun` it only says what it would do.
 */
export async function putBackPayments(
  database: Database,
  provider: PaymentProvider,
  {
    facts,
    outbox,
    dryRun,
  }: { readonly facts: readonly CloudEvent[]; readonly outbox: Outbox; readonly dryRun: boolean },
): Promise<PutBack> {
  const outcomes = outcomesOf(facts);
  let [fromTopic, fromLedger] = [0, 0];
  for (const [orderId, known] of outcomes) if (await putBackOne(database, orderId, known, dryRun)) fromTopic++;
  const lacking: { id: string; reason: string }[] = [];
  for (const [orderId, status] of await ledgerSince(database, provider)) {
    const known = await rowOf(database, orderId);
    // What is not written while nothing may be written would be there by now.
    const ours = dryRun ? latest(known, outcomes.get(orderId)) : known;
    if (ours?.status === status || (ours?.status === 'voided' && status === 'declined')) continue;
    if (ours && ours.status !== 'authorised') {
      lacking.push({
        id: orderId,
        reason: `its payment is ${ours.status} here and ${status} in the provider's ledger: a person has to look`,
      });
      continue;
    }
    const standing = await provider.standing(orderId);
    if (standing.status === 'none') continue;
    const { status: theirs } = standing;
    const version = (ours?.version ?? 0) + 1;
    const found: KnownPayment =
      theirs === 'declined'
        ? { status: theirs, version, reason: standing.reason }
        : { status: theirs, version, held: standing };
    await putBackOne(database, orderId, found, dryRun, outbox);
    fromLedger++;
  }
  return { fromTopic, fromLedger, lacking };
}

const latest = (one: KnownPayment | undefined, other: KnownPayment | undefined) =>
  (one?.version ?? 0) >= (other?.version ?? 0) ? one : other;

/** The outcome as others are told of it. */
function outcomeOf(orderId: string, { status, version: sequence, held, reason = '' }: KnownPayment): Outgoing {
  const about = { key: orderId, sequence };
  if (status === 'declined') return event(paymentDeclined, { ...about, data: { orderId, reason } });
  if (status === 'voided' || !held) return event(paymentVoided, { ...about, data: { orderId } });
  const { paymentId, amount, currency } = held;
  return event(status === 'captured' ? paymentCaptured : paymentAuthorised, {
    ...about,
    data: { orderId, paymentId, amount, currency },
  });
}

/**
 * Writes what is later than what is there; into the `outbox`, what nobody has been told yet. Answers whether it was
 * later.
 */
async function putBackOne(
  database: Database,
  orderId: string,
  known: KnownPayment,
  dryRun: boolean,
  outbox?: Outbox,
): Promise<boolean> {
  const { status, version, held, reason } = known;
  if (dryRun) return ((await rowOf(database, orderId))?.version ?? 0) < version;
  return database.transaction(async (tx) => {
    const written = await tx.query(
      `INSERT INTO payments (order_id, status, payment_id, amount, currency, reason, version) VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
         SET status = excluded.status, payment_id = coalesce(excluded.payment_id, payments.payment_id), amount = coalesce(excluded.amount, payments.amount),
             currency = coalesce(excluded.currency, payments.currency), reason = excluded.reason, version = excluded.version, updated_at = clock_timestamp()
         WHERE payments.version < excluded.version
       RETURNING 1`,
      [orderId, status, held?.paymentId, held?.amount, held?.currency, reason, version],
    );
    // What was open then has come out.
    if (written.length > 0) await tx.query('DELETE FROM open_outcomes WHERE order_id = $1', [orderId]);
    if (written.length > 0) await outbox?.add(tx, [outcomeOf(orderId, known)]);
    return written.length > 0;
  });
}

async function rowOf(database: Database, orderId: string): Promise<KnownPayment | undefined> {
  const [row] = await database.query<KnownPayment>('SELECT status, version FROM payments WHERE order_id = $1', [
    orderId,
  ]);
  return row;
}

/** What the ledger says of each order since it was last looked through, the latest. */
async function ledgerSince(
  database: Database,
  provider: PaymentProvider,
): Promise<Map<string, KnownPayment['status']>> {
  const [at] = await database.query<{ through: string }>(
    `SELECT through FROM books_looked_through WHERE book = 'ledger'`,
  );
  const told = new Map<string, KnownPayment['status']>();
  for (let after = Number(at?.through ?? 0); ; ) {
    const { entries, last } = await provider.ledger(after);
    for (const { orderId, status } of entries) told.set(orderId, status);
    if (last === undefined) return told;
    after = last;
  }
}
