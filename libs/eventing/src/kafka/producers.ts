import { atMost } from '../at-most.ts';
import { Unpublishable, type PublishOptions } from '../bus.ts';

const CLOSE_DEADLINE_MS = 3_000;
/** How long a lane that nothing is published by keeps its connections. */
const IDLE_MS = 10_000;
const SHARED = '';

/**
 * The producers of one bus, by lane: each has connections of its own. One that failed, or whose answer nobody waits for
 * any more, is retired: what comes next gets a new one, and the old one is closed when everything that it was given is
 * answered.
 */
export class Producers<P> {
  readonly #open: () => P;
  readonly #close: (producer: P) => Promise<unknown>;
  readonly #lanes = new Map<string, Retirable<P>>();
  readonly #opened = new Set<Retirable<P>>();

  constructor(open: () => P, close: (producer: P) => Promise<unknown>) {
    [this.#open, this.#close] = [open, close];
  }

  /**
   * Does the work with the producer of a lane. Sequence numbers of one that failed are in doubt: it is not used again,
   * and at worst its batch is on the topic twice.
   */
  async use<T>({ lane = SHARED, givenUp }: PublishOptions, work: (producer: P) => Promise<T>): Promise<T> {
    const one = this.#of(lane);
    const retire = () => this.#retire(lane, one);
    const giveUp = () => {
      retire();
      // Nobody else shares it: what was given up need not be tried again.
      if (lane !== SHARED) void one.close().catch(() => {});
    };
    givenUp?.addEventListener('abort', giveUp, { once: true });
    try {
      return await one.use(work);
    } catch (error) {
      if (!(error instanceof Unpublishable)) retire();
      throw error;
    } finally {
      givenUp?.removeEventListener('abort', giveUp);
    }
  }

  async close(): Promise<void> {
    await atMost(CLOSE_DEADLINE_MS, Promise.all([...this.#opened].map((one) => one.close())));
  }

  #of(lane: string): Retirable<P> {
    const known = this.#lanes.get(lane);
    if (known) return known;
    const one: Retirable<P> = new Retirable(this.#open(), {
      close: async (producer) => {
        this.#opened.delete(one);
        await this.#close(producer);
      },
      ...(lane !== SHARED && { idle: () => this.#retire(lane, one) }),
    });
    this.#opened.add(one);
    this.#lanes.set(lane, one);
    return one;
  }

  #retire(lane: string, one: Retirable<P>): void {
    if (this.#lanes.get(lane) === one) this.#lanes.delete(lane);
    one.retire();
  }
}

interface RetirableOptions<P> {
  readonly close: (producer: P) => Promise<void>;
  /** Called when nothing has been under way for a while. */
  readonly idle?: () => void;
}

/** A producer that may be given up while others still wait for what they gave it. */
class Retirable<P> {
  readonly #producer: P;
  readonly #options: RetirableOptions<P>;
  #underWay = 0;
  #retired = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(producer: P, options: RetirableOptions<P>) {
    [this.#producer, this.#options] = [producer, options];
  }

  async use<T>(work: (producer: P) => Promise<T>): Promise<T> {
    this.#underWay++;
    clearTimeout(this.#idle);
    try {
      return await work(this.#producer);
    } finally {
      this.#underWay--;
      if (this.#retired) this.retire();
      else if (this.#underWay === 0 && this.#options.idle) this.#idle = setTimeout(this.#options.idle, IDLE_MS).unref();
    }
  }

  retire(): void {
    this.#retired = true;
    if (this.#underWay === 0) void this.close().catch(() => {});
  }

  close(): Promise<void> {
    clearTimeout(this.#idle);
    return this.#options.close(this.#producer);
  }
}
