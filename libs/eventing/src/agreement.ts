import { setTimeout as sleep } from 'node:timers/promises';
import { messages } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';
import { ASSIGNOR } from './kafka/assignor.ts';
import type { BusSettings } from './open-bus.ts';
import { SHARDS } from './outgoing.ts';

/**
 * What an instance runs with, by name. Contradicting another instance in one of them loses messages, or their order.
 */
export type Terms = Readonly<Record<string, string>>;

/** A term that an instance contradicts. */
export interface Difference {
  readonly term: string;
  readonly agreed: string;
  readonly ours: string;
}

/** Clients of Kafka know the assignor by other names: members of a group that have different ones never share it. */
export function termsOf(
  settings: Pick<BusSettings, 'BUS' | 'KAFKA_CLIENT'> & { readonly OUTBOX_DRIVER?: string },
  produces: boolean,
): Terms {
  return {
    bus: settings.BUS,
    ...(settings.BUS === 'kafka' && { 'Kafka client': settings.KAFKA_CLIENT ?? 'platformatic', assignor: ASSIGNOR }),
    ...(produces && { 'outbox driver': settings.OUTBOX_DRIVER ?? 'queue', 'number of shards': String(SHARDS) }),
    ...Object.fromEntries([...messages.values()].map(({ type, topic }) => [`topic of ${type}`, topic])),
  };
}

/**
 * Adds what nobody has agreed on yet, unless something is contradicted, and answers what is. So a new version may bring
 * topics and messages, and one that does not know them yet may run beside it; but none may have another number, or
 * another place, for the same.
 */
export async function agree(database: Pick<Database, 'query'>, terms: Terms): Promise<Difference[]> {
  const values = [Object.keys(terms), Object.values(terms)];
  await database.query(
    `WITH ours AS (SELECT * FROM unnest($1::text[], $2::text[]) AS o(term, value))
     INSERT INTO agreement (term, value) SELECT term, value FROM ours
     WHERE NOT EXISTS (SELECT 1 FROM agreement JOIN ours USING (term) WHERE agreement.value <> ours.value) ORDER BY term
     ON CONFLICT ON CONSTRAINT agreement_pkey DO NOTHING`,
    values,
  );
  return differences(database, terms);
}

export function differences(database: Pick<Database, 'query'>, terms: Terms): Promise<Difference[]> {
  return database.query<Difference>(
    `SELECT term, agreement.value AS agreed, ours.value AS ours FROM agreement JOIN unnest($1::text[], $2::text[]) AS ours(term, value) USING (term)
     WHERE agreement.value <> ours.value ORDER BY term`,
    [Object.keys(terms), Object.values(terms)],
  );
}

/** For people: what differs, and what to do about it. */
export function sentenceOf(some: readonly Difference[]): string {
  const told = some
    .map(({ term, agreed, ours }) => `${term} is "${agreed}" in this deployment, and "${ours}" here`)
    .join('; ');
  return `This instance does not agree with the others of its service: ${told}. Start it with the same settings; to change them on purpose, stop all instances, then "npm run events -- agreement forget <service>", then start them.`;
}

const LOOK_AGAIN_EVERY_MS = 10_000;
/** How long a start waits for a database that does not answer. */
const PATIENCE_MS = 30_000;

/**
 * What this instance agrees on with the others: looked at before it does anything, and every now and then, since it may
 * be changed under it.
 */
export class Agreement {
  #found: string | undefined;
  #looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Pick<Database, 'query'>,
    private readonly terms: Terms,
  ) {}

  /** Throws the sentence that says what differs. */
  async start(): Promise<void> {
    const found = await this.#agree(performance.now() + PATIENCE_MS);
    if (found.length > 0) throw new Error(sentenceOf(found));
    this.#looking = setInterval(() => void this.#look(), LOOK_AGAIN_EVERY_MS).unref();
  }

  /** The sentence that says what differs now, if anything does. */
  get difference(): string | undefined {
    return this.#found;
  }

  stop(): void {
    clearInterval(this.#looking);
  }

  async #agree(until: number): Promise<Difference[]> {
    for (;;) {
      try {
        return await agree(this.database, this.terms);
      } catch (error) {
        if (!isUnavailable(error) || performance.now() > until) throw error;
        await sleep(500);
      }
    }
  }

  async #look(): Promise<void> {
    const found = await differences(this.database, this.terms).catch(() => undefined);
    if (found) this.#found = found.length > 0 ? sentenceOf(found) : undefined;
  }
}

const isUnavailable = (error: unknown) => error instanceof DomainError && error.kind === 'unavailable';
