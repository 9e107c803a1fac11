/** What lies under a key. */
export interface Found {
  readonly text: string;
  /** Since it was kept, by the store's own clock: no two machines' clocks are ever compared. */
  readonly ageMs: number;
  /** False once one of its tags was renewed after it had been loaded. */
  readonly current: boolean;
}

/** What a store knows of a key at one moment. */
export interface Sight {
  readonly found: Found | undefined;
  /** One for each tag, as it is now. What is loaded from here on is kept under these. */
  readonly marks: readonly string[];
}

export interface KeepOptions {
  readonly lifetimeMs: number;
  readonly tags: readonly string[];
  /** The marks of these tags that were seen before the text was loaded. */
  readonly marks: readonly string[];
}

/**
 * A place for texts that somebody else can make again, shared by all instances of a service. It may forget anything at
 * any time, and every method may throw; whoever uses it goes on without it. Every adapter passes the same contract
 * suite (cache-store.contract.ts).
 */
export abstract class CacheStore {
  /**
   * What lies under the key, and the marks of its tags; a tag that has none is given one that was never there before.
   */
  abstract look(key: string, tags: readonly string[]): Promise<Sight>;
  /**
   * Keeps a text. A text that was loaded before one of its tags was renewed is outdated from the start, however late it
   * comes: its marks are older than the tag's.
   */
  abstract keep(key: string, text: string, options: KeepOptions): Promise<void>;
  /** Whatever was loaded under one of these before now is outdated. */
  abstract renew(tags: readonly string[]): Promise<void>;
  /** The right to load a key, for so long; undefined while somebody has it. The token gives it back. */
  abstract claim(key: string, forMs: number): Promise<string | undefined>;
  /** Gives a right back; one that has run out, and is another's now, stays with that other. */
  abstract release(key: string, token: string): Promise<void>;
}
