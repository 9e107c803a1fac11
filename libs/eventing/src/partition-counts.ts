import { consumers, messages, topics, type ConsumerName, type Topic } from '@shop/contracts';
import type { Database } from '@shop/platform';
import type { MessageBus } from './bus.ts';
import type { Log } from './consumer-runtime.ts';
import type { MessagingMetrics } from './metrics.ts';

/** A topic that has not as many partitions as this deployment has agreed on. */
export interface OtherCount {
  readonly topic: Topic;
  readonly agreed: number;
  readonly found: number;
}

/**
 * What the term of a topic is called in the table of the agreement: of the topic at the broker, not of the contract,
 * which only says what is made anew.
 */
export const countTerm = (topic: string) => `partitions at the broker of ${topic}`;

/** The topics that a service writes to or reads. */
export function topicsOf(service: string): Topic[] {
  const written = [...messages.values()].filter(({ source }) => source === `/${service}`).map(({ topic }) => topic);
  const read = (Object.keys(consumers) as ConsumerName[])
    .filter((name) => name.startsWith(`${service}.`))
    .flatMap((name) => [...consumers[name]]);
  return [...new Set<Topic>([...written, ...read])].sort();
}

/**
 * Pure: `counts` as the broker has them, `agreed` as the deployment has; where nobody has said anything yet, the
 * contract does.
 */
export function otherCounts(
  own: readonly Topic[],
  counts: ReadonlyMap<string, number>,
  agreed: ReadonlyMap<string, number>,
): OtherCount[] {
  return own.flatMap((topic) => {
    const [found, wanted] = [counts.get(topic), agreed.get(countTerm(topic)) ?? topics[topic].partitions];
    return found === undefined || found === wanted ? [] : [{ topic, agreed: wanted, found }];
  });
}

/** For people: what differs, what that does, and what to do next. */
export function sentenceOfCounts(some: readonly OtherCount[]): string {
  const told = some
    .map(({ topic, agreed, found }) => `${topic} has ${found} partitions, and this deployment has agreed on ${agreed}`)
    .join('; ');
  const [first] = some;
  return `${told}: keys lie elsewhere than before, and what is unread of them on their old partitions may be read too late. Let consumers read everything, then "npm run events -- topics partitions ${first?.topic} ${first?.found}" agrees on it (docs/runbooks/other-partitions.md).`;
}

interface PartitionCountsOptions {
  readonly bus: Pick<MessageBus, 'partitionsOf'>;
  readonly database: Pick<Database, 'query'>;
  readonly service: () => string;
  readonly metrics: Pick<MessagingMetrics, 'otherPartitions'>;
  readonly log: Log;
  readonly everyMs?: number;
}

const EVERY_MS = 10_000;

/**
 * Compares how many partitions the topics of a service have with what its deployment has agreed on. An instance that
 * starts and sees another number does not publish or take anything, and is not ready, until that is agreed on: it would
 * put keys where their earlier messages are not. One that runs goes on and raises the alarm: for it the keys have moved
 * already, and to stand still would only add an outage.
 */
export class PartitionCounts {
  readonly #options: PartitionCountsOptions;
  #found: readonly OtherCount[] = [];
  #started = false;
  #timer: NodeJS.Timeout | undefined;
  #agreedNow: (() => void) | undefined;

  constructor(options: PartitionCountsOptions) {
    this.#options = options;
  }

  /** Why this instance must not work: only where it found that at its start. */
  get refusal(): string | undefined {
    return this.#started || this.#found.length === 0 ? undefined : sentenceOfCounts(this.#found);
  }

  /** What differs now, whatever that means for this instance. */
  get difference(): string | undefined {
    return this.#found.length === 0 ? undefined : sentenceOfCounts(this.#found);
  }

  /**
   * Resolves when work may begin: at once, unless a number differs. A bus that does not answer is looked at again
   * later.
   */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), this.#options.everyMs ?? EVERY_MS).unref();
    if (this.#found.length > 0) await new Promise<void>((resolve) => (this.#agreedNow = resolve));
    this.#started = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { bus, database, service, metrics, log } = this.#options;
    try {
      const own = topicsOf(service());
      const counts = await bus.partitionsOf(own);
      const before = this.difference;
      this.#found = otherCounts(own, counts, await agreeOn(database, own, counts));
      if (this.difference !== before)
        log.error({ topics: this.#found }, this.difference ?? 'topics have as many partitions as was agreed on');
      metrics.otherPartitions(this.#found.length);
      if (this.#found.length === 0) this.#agreedNow?.();
    } catch (error) {
      log.warn({ err: error }, 'partitions could not be counted; trying again');
    }
  }
}

/** Writes down what nobody has said yet, where it is as the contract has it, and answers what stands. */
async function agreeOn(
  database: Pick<Database, 'query'>,
  own: readonly Topic[],
  counts: ReadonlyMap<string, number>,
): Promise<Map<string, number>> {
  const asContract = own.filter((topic) => counts.get(topic) === topics[topic].partitions);
  await database.query(
    'INSERT INTO agreement (term, value) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT ON CONSTRAINT agreement_pkey DO NOTHING',
    [asContract.map(countTerm), asContract.map((topic) => String(topics[topic].partitions))],
  );
  const rows = await database.query<{ term: string; value: string }>(
    'SELECT term, value FROM agreement WHERE term = ANY ($1)',
    [own.map(countTerm)],
  );
  return new Map(rows.map(({ term, value }) => [term, Number(value)]));
}

/** An operator's word: from now on so many are right. */
export async function agreeOnCount(database: Pick<Database, 'query'>, topic: Topic, count: number): Promise<void> {
  await database.query(
    'INSERT INTO agreement (term, value) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT agreement_pkey DO UPDATE SET value = excluded.value, agreed_at = clock_timestamp()',
    [countTerm(topic), String(count)],
  );
}
