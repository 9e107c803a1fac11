import { ordersInCheckpoint, type CheckpointContract, type CloudEvent, type ConsumerName } from '@shop/contracts';
import type { Database } from '@shop/platform';
import type { MessageBus } from './bus.ts';
import { event, seal } from './outgoing.ts';

/** A message that is older than this when it is through was late: its consumer is behind. */
const BEHIND_MS = 10_000;
/** How far back an instance that starts tells what its consumer has handled, and how much of it at most. */
const [RETOLD_MS, RETOLD_AT_MOST] = [300_000, 20 * ordersInCheckpoint];
/**
 * Streams kept until the next checkpoint. More than come in between; were there more, those left out would be sent
 * again, and known.
 */
const KEPT_AT_MOST = 20 * ordersInCheckpoint;

/**
 * What one consumer tells the producer of its events: which versions of which streams have come, so that one that never
 * came is found (reconciler.ts). Notes are gathered and published together, straight to the bus. Those of a process
 * that is killed before that are lost with it: whoever starts next tells them again from the inbox.
 */
export class Checkpoints {
  readonly #consumer: ConsumerName;
  readonly #contract: CheckpointContract;
  readonly #bus: MessageBus;
  #seen = new Map<string, Set<number>>();
  #behind = false;

  constructor(consumer: ConsumerName, contract: CheckpointContract, bus: MessageBus) {
    this.#consumer = consumer;
    this.#contract = contract;
    this.#bus = bus;
  }

  /** A message has come, and what became of it is stored. */
  note({ subject, sequence, time }: CloudEvent, now = Date.now()): void {
    if (now - Date.parse(time) > BEHIND_MS) this.#behind = true;
    if (sequence === undefined) return;
    const versions = this.#seen.get(subject);
    if (versions) versions.add(Number(sequence));
    else if (this.#seen.size < KEPT_AT_MOST) this.#seen.set(subject, new Set([Number(sequence)]));
    else this.#behind = true;
  }

  /** Says what the inbox has, of events that were handled lately: whoever was killed could not say it any more. */
  async retell(database: Pick<Database, 'query'>): Promise<void> {
    const rows = await database.query<{ id: string }>(
      `SELECT message_id AS id FROM inbox WHERE consumer = $1 AND handled_at > clock_timestamp() - $2 * interval '1 millisecond' ORDER BY handled_at DESC LIMIT $3`,
      [this.#consumer, RETOLD_MS, RETOLD_AT_MOST],
      'checkpoint-retell',
    );
    const parts = Array.from({ length: Math.ceil(rows.length / ordersInCheckpoint) }, (_, n) =>
      rows.slice(n * ordersInCheckpoint, (n + 1) * ordersInCheckpoint),
    );
    const messages = parts.map((part) =>
      seal(
        event(this.#contract, {
          key: this.#consumer,
          data: { consumer: this.#consumer, current: false, seen: [], ids: part.map(({ id }) => id) },
        }),
      ),
    );
    if (messages.length > 0)
      await this.#bus.publish(messages.map(({ topic, key, payload }) => ({ topic, key, value: payload })));
  }

  /**
   * `waitingMs`: for how long something has been in hand, or the bus has not answered. Also says so when nothing has
   * come: that is news, too.
   */
  async publish(waitingMs: number): Promise<void> {
    const [seen, behind] = [this.#seen, this.#behind];
    [this.#seen, this.#behind] = [new Map(), false];
    const all = [...seen].map(([orderId, versions]) => ({ orderId, versions: [...versions] }));
    const parts = Array.from({ length: Math.max(1, Math.ceil(all.length / ordersInCheckpoint)) }, (_, n) =>
      all.slice(n * ordersInCheckpoint, (n + 1) * ordersInCheckpoint),
    );
    const messages = parts.map((part, n) => {
      // Only the last of several has told everything.
      const current = !behind && waitingMs < BEHIND_MS && n === parts.length - 1;
      const { topic, key, payload } = seal(
        event(this.#contract, { key: this.#consumer, data: { consumer: this.#consumer, current, seen: part } }),
      );
      return { topic, key, value: payload };
    });
    try {
      // A topic of checkpoints that does not answer must not hold up the outbox.
      await this.#bus.publish(messages, { lane: 'checkpoints' });
    } catch (error) {
      for (const [stream, versions] of seen)
        this.#seen.set(stream, new Set([...versions, ...(this.#seen.get(stream) ?? [])]));
      this.#behind ||= behind;
      throw error;
    }
  }
}
