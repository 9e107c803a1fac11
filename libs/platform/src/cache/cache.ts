import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutDeadline, withinDeadline } from '../telemetry/deadline.ts';
import { MeasuredCache, type CacheMetrics, type CacheOutcome } from './cache-metrics.ts';
import { jitter, policyDefaults, type CachePolicy } from './cache-policy.ts';
import type { CacheStore, Sight } from './cache-store.ts';
import { isFresh, keptIn, textOf, type Kept } from './kept.ts';

/** What a reader gets; `value` is undefined where there is nothing under this key at the origin. */
export interface Reading<T> {
  readonly value: T | undefined;
  /** How long ago it was loaded. */
  readonly ageMs: number;
  readonly outcome: CacheOutcome;
}

/**
 * What is to be read, and from where. `load` answers undefined where there is nothing; that is kept too, for a shorter
 * time.
 */
export interface Wanted<T> {
  /** Everything that the value depends on. */
  readonly key: string;
  /** Names under which it can be invalidated. */
  readonly tags: readonly string[];
  readonly load: () => Promise<T | undefined>;
}

/** One attempt to have a value loaded, on behalf of whoever needs it. */
interface Flight<T> extends Wanted<T> {
  readonly place: string;
  /** Undefined where the store does not answer. */
  readonly sight: Sight | undefined;
  readonly kept: Kept<T> | undefined;
}

/** Ours to load, and to keep under these marks; or what somebody else has loaded. */
interface Turn<T> {
  readonly token?: string | undefined;
  readonly marks?: readonly string[] | undefined;
  readonly found?: Kept<T> | undefined;
}

/** Longer keys are hashed: some of them come from strangers. */
const longestKey = 200;
/** While another instance loads, the store is looked at this often, in ms. */
const poll = { least: 10, spread: 20 };
/** How often an origin that failed is asked again behind the readers of old values, in ms. */
const probeEvery = 1_000;

/**
 * Cache-aside over a store that is never an authority: whatever becomes of the store, a reader is served by the origin;
 * whatever becomes of the origin, by the store, for as long as the policy says. One reader of a key loads it, in this
 * process and, by a claim, among all of them.
 */
export class Cache {
  readonly #policy: Required<CachePolicy>;
  readonly #flights = new Map<string, Promise<Reading<unknown>>>();
  /** The origin failed when it was last asked. */
  #originAway = false;
  #nextProbe = 0;

  constructor(
    private readonly store: CacheStore,
    policy: CachePolicy,
    private readonly metrics: CacheMetrics = new MeasuredCache(),
  ) {
    this.#policy = { ...policyDefaults, ...policy };
  }

  /** Reads through the cache. Throws what `load` throws, unless an old value is a better answer. */
  async read<T>(wanted: Wanted<T>): Promise<Reading<T>> {
    const { name, version } = this.#policy;
    const key =
      wanted.key.length > longestKey ? createHash('sha256').update(wanted.key).digest('base64url') : wanted.key;
    const [place, tags] = [`${name}:${version}:${key}`, wanted.tags.map((tag) => this.#tagOf(tag))];
    const sight = await this.#attempt(() => this.store.look(place, tags));
    const flight: Flight<T> = { ...wanted, place, tags, sight, kept: keptIn<T>(sight) };
    const reading = this.#usable(flight.kept) ?? (await this.#loaded(flight));
    if (reading.outcome === 'stale') this.#refresh(flight);
    this.metrics.read(name, reading.outcome);
    return reading;
  }

  /**
   * Outdates whatever was loaded under these tags before now. Where the store does not answer, the policy's times are
   * the bound.
   */
  async invalidate(tags: readonly string[]): Promise<void> {
    const done = await this.#attempt(() => this.store.renew(tags.map((tag) => this.#tagOf(tag))).then(() => true));
    this.metrics.invalidated(this.#policy.name, done ?? false);
  }

  /** What may be used without asking anybody. While the origin fails nobody waits for the next failure. */
  #usable<T>(kept: Kept<T> | undefined): Reading<T> | undefined {
    if (!kept?.current) return undefined;
    const { value, ageMs, freshMs } = kept;
    if (isFresh(kept)) return { value, ageMs, outcome: value === undefined ? 'absent' : 'hit' };
    const stale = this.#originAway ? this.#policy.errorMs : this.#policy.revalidateMs;
    return value !== undefined && ageMs <= freshMs + stale ? { value, ageMs, outcome: 'stale' } : undefined;
  }

  async #loaded<T>(flight: Flight<T>): Promise<Reading<T>> {
    try {
      return await withinDeadline(this.#join(flight, 'awaited'));
    } catch (error) {
      const { kept } = flight;
      const { errorMs, rescues } = this.#policy;
      if (kept?.value === undefined || kept.ageMs > kept.freshMs + errorMs || !rescues(error)) throw error;
      return { value: kept.value, ageMs: kept.ageMs, outcome: 'rescued' };
    }
  }

  /** Has it loaded behind everybody's back. A failure is told by whoever needs the value. */
  #refresh<T>(flight: Flight<T>): void {
    if (this.#originAway && performance.now() < this.#nextProbe) return;
    this.#nextProbe = performance.now() + probeEvery;
    this.#join(flight, 'behind').catch(() => undefined);
  }

  /**
   * The load of this key that is under way in this process, or a new one. Whoever comes after an invalidation has seen
   * other marks, and joins no load that began before it.
   */
  async #join<T>(flight: Flight<T>, how: 'awaited' | 'behind'): Promise<Reading<T>> {
    const id = [how, flight.place, ...(flight.sight?.marks ?? [])].join(' ');
    const under = this.#flights.get(id) as Promise<Reading<T>> | undefined;
    if (under) return { ...(await under), outcome: 'joined' };
    // Others join it: how little time the first one has is not theirs to suffer.
    const begun = withoutDeadline(() => this.#fly(flight, how === 'behind'));
    this.#flights.set(id, begun);
    return begun.finally(() => this.#flights.delete(id));
  }

  async #fly<T>(flight: Flight<T>, behind: boolean): Promise<Reading<T>> {
    const { place, tags, load } = flight;
    const { token, marks, found } = flight.sight ? await this.#turn(flight, behind) : ({} as Turn<T>);
    if (found) return { value: found.value, ageMs: found.ageMs, outcome: 'joined' };
    try {
      const value = await this.#askOrigin(load);
      if (marks) await this.#keep({ place, tags, marks, value });
      return { value, ageMs: 0, outcome: marks ? 'loaded' : 'bypassed' };
    } finally {
      if (token !== undefined) void this.#attempt(() => this.store.release(place, token));
    }
  }

  /**
   * Waits until it is ours to load, or somebody else has loaded; for `patienceMs`, then we load all the same. A store
   * that takes no claims, as one that is read only, keeps nothing either: there is nobody to wait for.
   */
  async #turn<T>({ place, tags, kept }: Flight<T>, behind: boolean): Promise<Turn<T>> {
    const { patienceMs, claimMs } = this.#policy;
    for (const until = performance.now() + patienceMs; ; await sleep(poll.least + Math.random() * poll.spread)) {
      const claim = await this.#attempt(async () => ({ token: await this.store.claim(place, claimMs) }));
      if (!claim) return behind ? { found: kept } : {};
      const { token } = claim;
      if (token === undefined && behind) return { found: kept };
      // Looked at again: between the first look and the claim somebody may have loaded it.
      const sight = await this.#attempt(() => this.store.look(place, tags));
      const found = keptIn<T>(sight);
      if (isFresh(found)) {
        if (token !== undefined) void this.#attempt(() => this.store.release(place, token));
        return { found };
      }
      if (token !== undefined || !sight || performance.now() > until) return { token, marks: sight?.marks };
    }
  }

  async #askOrigin<T>(load: () => Promise<T | undefined>): Promise<T | undefined> {
    const since = performance.now();
    const tell = (ok: boolean) =>
      this.metrics.originAsked(this.#policy.name, { durationMs: performance.now() - since, ok });
    try {
      const value = await load();
      this.#originAway = false;
      tell(true);
      return value;
    } catch (error) {
      this.#originAway = this.#policy.rescues(error);
      tell(!this.#originAway);
      throw error;
    }
  }

  async #keep({
    place,
    tags,
    marks,
    value,
  }: {
    place: string;
    tags: readonly string[];
    marks: readonly string[];
    value: unknown;
  }): Promise<void> {
    const { name, freshMs, absentMs, revalidateMs, errorMs, maxBytes } = this.#policy;
    const fresh = Math.round((value === undefined ? absentMs : freshMs) * (1 - Math.random() * jitter));
    const text = textOf(value, fresh);
    const bytes = Buffer.byteLength(text);
    if (bytes > maxBytes) return this.metrics.oversized(name, bytes);
    const lifetimeMs = value === undefined ? fresh : fresh + Math.max(revalidateMs, errorMs);
    await this.#attempt(() => this.store.keep(place, text, { lifetimeMs, tags, marks }));
  }

  /** Undefined when the store fails: never a reason not to serve. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.metrics.storeFailed(this.#policy.name, error);
      return undefined;
    }
  }

  #tagOf(tag: string): string {
    return `${this.#policy.name}:${tag}`;
  }
}
