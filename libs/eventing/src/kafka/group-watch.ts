import type { Behind, Lost, SubscribeOptions } from '../bus.ts';
import type { Log } from '../consumer-runtime.ts';

/** A partition of a topic and where a group stands on it. */
export interface Standing {
  readonly topic: string;
  readonly partition: number;
  /** Of the oldest message that is still there, and of the next one to come. */
  readonly first: bigint;
  readonly end: bigint;
  /** Below zero where nothing was ever committed. */
  readonly committed: bigint;
}

/** What a client's administrative connection can be asked. */
export interface TopicView {
  standings(group: string, topics: readonly string[]): Promise<Standing[]>;
  close(): Promise<void>;
}

export interface GroupWatchOptions {
  readonly view: TopicView;
  readonly subscribed: Pick<SubscribeOptions, 'group' | 'topics' | 'onLost'>;
  readonly log: Log;
  /** Whether a partition is this member's at the moment: a loss is told by one member. */
  readonly isMine: (topic: string, partition: number) => boolean;
  /** A topic has more partitions than this member knew when it joined. */
  readonly grown: () => void;
  readonly lookEveryMs?: number;
  /** A monotonic clock, in ms. */
  readonly clock?: () => number;
}

interface Jump {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
}

const LOOK_EVERY_MS = 5_000;

/**
 * Looks every few seconds at what a client does not tell: that a topic has got more partitions, which no member would
 * read until the group finds together again for some other reason; that messages were deleted before the group had read
 * them (each client goes on silently with the oldest that is left); and that messages lie on a partition on which the
 * group has never committed anything.
 */
export class GroupWatch {
  readonly #options: GroupWatchOptions;
  readonly #next = new Map<string, bigint>();
  readonly #told = new Set<string>();
  /** Where the group stood at the last look. */
  #stood = new Map<string, bigint>();
  #jumps: Jump[] = [];
  #known = new Map<string, number>();
  #unread = 0;
  /** Partitions with messages after what is committed, where that stands, and since when. */
  #behind = new Map<string, { readonly position: bigint; readonly messages: number; readonly since: number }>();
  #lookedAt: number | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GroupWatchOptions) {
    this.#options = options;
  }

  /** Partitions with messages of which the group has committed none, as of the last look. */
  get unread(): number {
    return this.#unread;
  }

  /**
   * How many messages lie after what the group has committed, and for how long it has committed nothing of a partition
   * that has some, in ms; as of the last look. Of the whole group, whichever member reads there: one that is stuck does
   * not have to tell of itself.
   */
  get behind(): Behind {
    const all = [...this.#behind.values()];
    const lookedAt = this.#lookedAt ?? 0;
    return {
      messages: all.reduce((sum, { messages }) => sum + messages, 0),
      standsStillMs: Math.max(0, ...all.map(({ since }) => lookedAt - since)),
    };
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), this.#options.lookEveryMs ?? LOOK_EVERY_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#options.view.close();
  }

  /** Partitions are given out: what this member has been given so far says nothing any more. */
  startOver(): void {
    this.#next.clear();
  }

  /**
   * The member has joined, and knew of so many partitions of each topic; undefined where it could not ask: then it is
   * what it knew before. None where its client looks after that itself.
   */
  joined(partitions: ReadonlyMap<string, number> | undefined = this.#known): void {
    this.#known = new Map(partitions);
    void this.look();
  }

  /** A message was taken in. */
  took(topic: string, partition: number, offset: bigint): void {
    const place = `${topic}:${partition}`;
    // Of a partition that has just become this member's, some client has committed where it goes on before anybody
    // could see where it stood.
    const stood = this.#stood.get(place) ?? -1n;
    const expected = this.#next.get(place) ?? (stood < 0n ? undefined : stood);
    if (expected !== undefined && offset > expected) this.jumped(topic, partition, expected);
    this.#next.set(place, offset + 1n);
  }

  /**
   * The group stood at `from`, and was given a later message: fine where a topic is compacted, and a loss where what
   * lay between has been deleted.
   */
  jumped(topic: string, partition: number, from: bigint): void {
    this.#jumps.push({ topic, partition, from });
  }

  /** One look now; never throws: what cannot be seen now is looked at next time. */
  look(): Promise<void> {
    return (this.#looking ??= this.#look()
      .catch((error: unknown) => {
        const knownForMs = this.#lookedAt === undefined ? undefined : Math.round(this.#now() - this.#lookedAt);
        this.#options.log.warn(
          { err: error, group: this.#options.subscribed.group, knownForMs },
          'topics could not be looked at; trying again, and going on with what is known for so long',
        );
      })
      .finally(() => (this.#looking = undefined)));
  }

  async #look(): Promise<void> {
    const { view, subscribed } = this.#options;
    const jumps = this.#jumps;
    const standings = await view.standings(subscribed.group, subscribed.topics);
    this.#jumps = this.#jumps.slice(jumps.length);
    this.#stood = new Map(standings.map(({ topic, partition, committed }) => [`${topic}:${partition}`, committed]));
    this.#unread = standings.filter(({ first, end, committed }) => end > first && committed < 0n).length;
    this.#lookedAt = this.#now();
    this.#behind = new Map(standings.flatMap((standing) => this.#behindAt(standing, this.#lookedAt ?? 0)));
    for (const standing of standings) this.#judge(standing, jumps);
    const counts = Map.groupBy(standings, ({ topic }) => topic);
    const grown = [...this.#known].filter(([topic, known]) => (counts.get(topic)?.length ?? 0) > known);
    if (grown.length === 0) return;
    const now = Object.fromEntries(grown.map(([topic, known]) => [topic, `${known} → ${counts.get(topic)?.length}`]));
    this.#known.clear();
    this.#options.log.error(
      { group: subscribed.group, now },
      'a topic has more partitions: keys have moved, and lost their order where the change was not made by "npm run events -- topics partitions"; joining anew',
    );
    this.#options.grown();
  }

  #behindAt({ topic, partition, first, end, committed }: Standing, now: number) {
    const [place, position] = [`${topic}:${partition}`, committed > first ? committed : first];
    if (end <= position) return [];
    const before = this.#behind.get(place);
    return [
      [
        place,
        { position, messages: Number(end - position), since: before?.position === position ? before.since : now },
      ] as const,
    ];
  }

  #now(): number {
    return this.#options.clock?.() ?? performance.now();
  }

  #judge({ topic, partition, first, end, committed }: Standing, jumps: readonly Jump[]): void {
    const here = (jump: Jump) => jump.topic === topic && jump.partition === partition;
    for (const { from } of jumps.filter(here))
      if (first > from) this.#tell({ topic, partition, messages: Number(first - from), why: 'expired' }, first);
    if (committed < 0n || !this.#options.isMine(topic, partition)) return;
    if (committed > end) return this.#tell({ topic, partition, messages: undefined, why: 'made anew' }, committed);
    const next = this.#next.get(`${topic}:${partition}`) ?? -1n;
    const position = next > committed ? next : committed;
    if (position < first) this.#tell({ topic, partition, messages: Number(first - position), why: 'expired' }, first);
  }

  /** Once. */
  #tell(lost: Lost, at: bigint): void {
    const name = `${lost.topic}:${lost.partition} ${lost.why} ${at}`;
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.#options.log.error(
      { group: this.#options.subscribed.group, ...lost },
      'messages are gone that this group has not read; going on with the oldest that is there',
    );
    this.#options.subscribed.onLost?.(lost);
  }
}
