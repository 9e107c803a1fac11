import { setTimeout as sleep } from 'node:timers/promises';
import { productChanged } from '@shop/contracts';
import { event, seal, type MessageBus } from '@shop/eventing';
import { findingsOf, type Fact, type Findings } from '../checker/findings.ts';
import type { Bench } from '../lab/bench.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';

export const { topic } = productChanged;
const GROUP = 'orders.prices';

export const tables = `
  CREATE TABLE prices (key text PRIMARY KEY, price int NOT NULL);
  CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY, key text NOT NULL, sequence int NOT NULL, instance int NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
`;

/** A change of a product's price. The price is its number, so that an old one is known when it is seen. */
export interface Change extends Fact {
  readonly id: string;
  readonly value: string;
}

/**
 * One backlog after another; no product changes more often than others, so that lanes are alike. Ids follow from the
 * seed too, so that the kills land at the same messages.
 */
export function backlogs({
  seed,
  messages,
  products,
}: {
  seed: number;
  messages: number;
  products: number;
}): () => Change[] {
  const next = numbersFrom(seed);
  const all = keysFrom(next, products);
  const sequences = new Map<string, number>();
  return () =>
    keysFrom(next, messages).map((id) => {
      const key = all[Math.floor(next() * products)] ?? '';
      const sequence = (sequences.get(key) ?? 0) + 1;
      sequences.set(key, sequence);
      const data = { productId: key, name: 'thing', price: sequence, currency: 'EUR', active: true } as const;
      return { id, key, sequence, value: seal(event(productChanged, { key, sequence, data }), undefined, id).payload };
    });
}

/** What became of one backlog. */
export interface WorkedOff {
  readonly found: Findings;
  /** Messages a second, from the first effect to the last. */
  readonly rate: number;
  /** Processes that had a part in it. */
  readonly hands: number;
}

interface Effect extends Fact {
  readonly instance: number;
  readonly at: Date;
}

/** A member that was killed is missed only after its session's end, and on a busy machine everything takes longer. */
const PATIENCE_MS = 60_000;
/** Longer than it takes until every member has heard that another has come. */
const SETTLED_AFTER_MS = 2_000;

/** The instances of one consumer, as many as there are at the moment. */
export class Consumers {
  readonly all: Victim[] = [];
  readonly #bench: Bench;
  readonly #variant: string;
  readonly #bus: MessageBus;
  readonly #present: Victim[] = [];
  /** The last price that was told of each product. */
  readonly #told = new Map<string, number>();

  constructor(bench: Bench, variant: string, bus: MessageBus) {
    this.#bench = bench;
    this.#variant = variant;
    this.#bus = bus;
  }

  /** One more. It is ready when it has begun to join, not when it has its share. */
  async join(): Promise<void> {
    const victim = await this.#bench.start(import.meta.resolve('./service.ts'), this.#variant);
    this.all.push(victim);
    this.#present.push(victim);
  }

  /** The one that came last leaves, by SIGTERM. */
  async leave(): Promise<void> {
    await this.#present.pop()?.stop();
  }

  /** As many as that. */
  async grow(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count - this.#present.length }, () => this.join()));
  }

  /**
   * Resolves when the broker has dealt out the lanes among so many, and has left it at that for a while; gives up after
   * another while.
   */
  async dealtOut(): Promise<void> {
    const { admin } = this.#bench;
    let [dealt, since] = ['', performance.now()];
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(50)) {
      const answer = await admin.describeGroups([this.#bench.named(GROUP)]).catch(() => undefined);
      const [group] = answer?.groups ?? [];
      const isStable = group?.state === 'Stable' && group.members.length === this.#present.length;
      const now = isStable
        ? group.members.map(({ memberId, memberAssignment }) => memberId + memberAssignment.toString('base64')).join()
        : '';
      if (now !== dealt) [dealt, since] = [now, performance.now()];
      else if (now !== '' && performance.now() - since > SETTLED_AFTER_MS) return;
    }
  }

  /**
   * Publishes a backlog at once and lets the instances work it off; `meanwhile` happens when a part of it is through.
   */
  async workOff(
    backlog: readonly Change[],
    meanwhile: () => Promise<void> = () => Promise.resolve(),
  ): Promise<WorkedOff> {
    const [last] = await this.#bench.query<{ n: string }>('SELECT coalesce(max(n), 0) AS n FROM effects');
    const before = last?.n ?? '0';
    for (const { key, sequence } of backlog) this.#told.set(key, sequence);
    await this.#bus.publish(backlog.map(({ key, value }) => ({ topic, key, value })));
    await this.#until(before, backlog.length / 5);
    await meanwhile();
    await this.#until(before, backlog.length);
    const effects = await this.#bench.query<Effect>(
      'SELECT key, sequence, instance, at FROM effects WHERE n > $1 ORDER BY n',
      [before],
    );
    const times = effects.map(({ at }) => at.getTime());
    const seconds = (Math.max(...times) - Math.min(...times)) / 1000;
    return {
      found: findingsOf(backlog, effects),
      rate: Math.round(effects.length / seconds),
      hands: new Set(effects.map(({ instance }) => instance)).size,
    };
  }

  /** Resolves when there are so many more effects than before, or none has come for a while. */
  async #until(before: string, count: number): Promise<void> {
    let [seen, at] = [0, performance.now()];
    while (seen < count && performance.now() - at < PATIENCE_MS) {
      const [more] = await this.#bench.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM effects WHERE n > $1',
        [before],
      );
      if (more && more.count > seen) [seen, at] = [more.count, performance.now()];
      await sleep(20);
    }
  }

  /** How many products have another price than the last one that was told. */
  async wrongPrices(): Promise<number> {
    const prices = await this.#bench.query<{ key: string; price: number }>('SELECT key, price FROM prices');
    return prices.filter(({ key, price }) => this.#told.get(key) !== price).length;
  }
}
