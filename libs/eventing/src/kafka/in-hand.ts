import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery, SubscribeOptions } from '../bus.ts';
import type { Log } from '../consumer-runtime.ts';
import { Offsets } from './offsets.ts';

/** Where the next reader of a partition is to begin. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
}

/** A message of a partition, as a client hands it out. */
export interface Arrival extends Omit<Delivery, 'id'> {
  readonly partition: number;
  readonly offset: bigint;
  /** Whose word it was, where the client says so. */
  readonly leaderEpoch?: number;
}

export interface InHandOptions {
  readonly subscribed: SubscribeOptions;
  readonly log: Log;
  /** Whether a partition is this member's at the moment: those of others are theirs to commit. */
  readonly isMine: (topic: string, partition: number) => boolean;
  readonly commit: (positions: readonly Position[]) => Promise<unknown>;
  /** What the broker has of these partitions; below zero where nothing was ever committed. */
  readonly committed: (partitions: readonly Place[]) => Promise<readonly (Place & { readonly offset: bigint })[]>;
  /** A message was taken in, in the order of its partition. */
  readonly took?: (topic: string, partition: number, offset: bigint) => void;
  /** The group stood at `from` before this member's first message of the partition, which is a later one. */
  readonly jumped?: (topic: string, partition: number, from: bigint) => void;
  /** How long after partitions were given out what is committed is looked at once more, in ms. */
  readonly lookAgainAfterMs?: number;
}

type Place = Pick<Position, 'topic' | 'partition'>;

interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly offsets: Offsets;
  /**
   * Of the first message since partitions were last given out; known until what is committed has been compared with it.
   */
  begins: bigint | undefined;
  leaderEpoch: number;
}

const COMMIT_EVERY_MS = 50;
const COMMIT_AGAIN_AFTER_MS = 500;
/**
 * @platformatic/kafka 2.12 joins anew when a commit is refused for its generation, and then sends the same commit
 * again, by now perhaps for partitions of others. By then that is over, and who owns them looks once more.
 */
const LOOK_AGAIN_AFTER_MS = 10_000;

/**
 * What a group member has been handed and not yet acknowledged, whichever client it reads by. Of each partition the
 * longest prefix of handled messages is committed, in the background and one commit at a time.
 */
export class InHand {
  readonly #options: InHandOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #work = new Set<Promise<void>>();
  #committing: Promise<void> | undefined;
  /** What is committed may not be what this member knows of. */
  #unsure = false;
  #lookAgain: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: InHandOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#work.size >= this.#options.subscribed.maxInFlight;
  }

  /** Has it handled; `done` is called when that is over, in whatever way. */
  accept({ partition, offset, leaderEpoch = -1, ...message }: Arrival, done: () => void = () => {}): void {
    const name = `${message.topic}:${partition}`;
    let lane = this.#lanes.get(name);
    if (!lane) {
      this.#lanes.set(
        name,
        (lane = { topic: message.topic, partition, offsets: new Offsets(), begins: offset, leaderEpoch }),
      );
      // Before anything of it is committed, it is compared with where the group stood.
      this.#unsure = true;
    }
    lane.leaderEpoch = leaderEpoch;
    this.#options.took?.(message.topic, partition, offset);
    const handled = lane.offsets.add(offset);
    const work = this.#options.subscribed
      .handle({ id: `${name}:${offset}`, ...message })
      .then(handled, () => {})
      .finally(() => {
        this.#work.delete(work);
        this.#committing ??= this.#commitAll();
        done();
      });
    this.#work.add(work);
  }

  /** Until one of them is through, but no longer than `ms`. */
  async oneDone(ms: number): Promise<void> {
    await Promise.race([...this.#work, sleep(ms)]);
  }

  /** The member is a new one: what the one before it had in hand comes again. */
  startOver(): void {
    this.#lanes.clear();
  }

  /**
   * Partitions have been given out anew. What was handled of one that went to another member and came back is still to
   * be committed: it may be that nothing more ever comes of it, so nobody else would. But only forward: the other may
   * have come further, and nobody would repair that either.
   */
  reassigned(): void {
    const look = () => {
      this.#unsure = true;
      this.#committing ??= this.#commitAll();
    };
    look();
    clearTimeout(this.#lookAgain);
    this.#lookAgain = setTimeout(look, this.#options.lookAgainAfterMs ?? LOOK_AGAIN_AFTER_MS).unref();
  }

  /** Waits for what is in hand, and commits it. */
  async finish(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#lookAgain);
    await Promise.allSettled(this.#work);
    await this.#committing;
    await this.#commit();
  }

  /**
   * None overtakes a later one. One that fails is tried again, with what has been handled since: the last of a topic,
   * too.
   */
  async #commitAll(): Promise<void> {
    await sleep(COMMIT_EVERY_MS);
    while (!this.#closed && (this.#unsure || this.#handled().length > 0)) {
      try {
        await this.#commit();
        await sleep(COMMIT_EVERY_MS);
      } catch (error) {
        // Nothing is lost: what was not committed is delivered again, and the inbox knows it.
        this.#options.log.warn(
          { err: error, group: this.#options.subscribed.group },
          'offsets could not be committed; trying again',
        );
        await sleep(COMMIT_AGAIN_AFTER_MS);
      }
    }
    this.#committing = undefined;
  }

  async #commit(): Promise<void> {
    if (this.#unsure) await this.#look();
    const positions = this.#handled();
    if (positions.length === 0) return;
    await this.#options.commit(positions);
    for (const { topic, partition, offset } of positions)
      this.#lanes.get(`${topic}:${partition}`)?.offsets.committed(offset);
  }

  async #look(): Promise<void> {
    this.#unsure = false;
    const mine = [...this.#lanes.values()].filter(({ topic, partition }) => this.#options.isMine(topic, partition));
    if (mine.length === 0) return;
    try {
      const told = await this.#options.committed(mine.map(({ topic, partition }) => ({ topic, partition })));
      for (const { topic, partition, offset } of told) this.#stands(this.#lanes.get(`${topic}:${partition}`), offset);
    } catch (error) {
      this.#unsure = true;
      throw error;
    }
  }

  /** Nothing is committed in between: so the group stood there when this member began. */
  #stands(lane: Lane | undefined, committed: bigint): void {
    if (lane?.begins !== undefined && committed >= 0n && committed < lane.begins)
      this.#options.jumped?.(lane.topic, lane.partition, committed);
    if (!lane) return;
    lane.begins = undefined;
    lane.offsets.committed(committed);
  }

  #handled(): Position[] {
    return [...this.#lanes.values()].flatMap(({ topic, partition, offsets: { next }, leaderEpoch }) =>
      next === undefined || !this.#options.isMine(topic, partition)
        ? []
        : [{ topic, partition, offset: next, leaderEpoch }],
    );
  }
}
