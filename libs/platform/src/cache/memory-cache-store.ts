import { randomUUID } from 'node:crypto';
import { CacheStore, type KeepOptions, type Sight } from './cache-store.ts';

interface Kept {
  readonly text: string;
  readonly marks: readonly string[];
  readonly at: number;
  readonly until: number;
}

/** A store for specs, and for one process alone: it forgets nothing before its time. `now` is its clock, in ms. */
export class MemoryCacheStore extends CacheStore {
  private readonly texts = new Map<string, Kept>();
  private readonly tags = new Map<string, string>();
  private readonly claims = new Map<string, { token: string; until: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {
    super();
  }

  override async look(key: string, tags: readonly string[]): Promise<Sight> {
    const marks = tags.map((tag) => this.markOf(tag));
    const kept = this.texts.get(key);
    if (!kept || kept.until <= this.now()) return { found: undefined, marks };
    return {
      found: { text: kept.text, ageMs: this.now() - kept.at, current: kept.marks.join(' ') === marks.join(' ') },
      marks,
    };
  }

  override async keep(key: string, text: string, { lifetimeMs, marks }: KeepOptions): Promise<void> {
    this.texts.set(key, { text, marks, at: this.now(), until: this.now() + lifetimeMs });
  }

  override async renew(tags: readonly string[]): Promise<void> {
    for (const tag of tags) this.tags.set(tag, randomUUID());
  }

  override async claim(key: string, forMs: number): Promise<string | undefined> {
    const held = this.claims.get(key);
    if (held && held.until > this.now()) return undefined;
    const token = randomUUID();
    this.claims.set(key, { token, until: this.now() + forMs });
    return token;
  }

  override async release(key: string, token: string): Promise<void> {
    if (this.claims.get(key)?.token === token) this.claims.delete(key);
  }

  /** Forgets a tag, as a store that is full may. */
  forget(tag: string): void {
    this.tags.delete(tag);
  }

  private markOf(tag: string): string {
    const mark = this.tags.get(tag) ?? randomUUID();
    this.tags.set(tag, mark);
    return mark;
  }
}
