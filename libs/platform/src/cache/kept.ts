import type { Sight } from './cache-store.ts';

/** A value as it was found in the store, whether or not it may still be used. */
export interface Kept<T> {
  /** Undefined: it is known that there is nothing. */
  readonly value: T | undefined;
  readonly ageMs: number;
  readonly freshMs: number;
  readonly current: boolean;
}

/** The form in which a value lies there; without `v` there is nothing. */
interface Envelope {
  readonly f: number;
  readonly v?: unknown;
}

export function textOf(value: unknown, freshMs: number): string {
  return JSON.stringify({ f: freshMs, v: value } satisfies Envelope);
}

/** What cannot be read is not there. */
export function keptIn<T>(sight: Sight | undefined): Kept<T> | undefined {
  const found = sight?.found;
  if (!found) return undefined;
  try {
    const { f, v } = JSON.parse(found.text) as Envelope;
    return { value: v as T | undefined, ageMs: found.ageMs, freshMs: f, current: found.current };
  } catch {
    return undefined;
  }
}

/** Whether it is as good as if it had just been loaded. */
export function isFresh<T>(kept: Kept<T> | undefined): kept is Kept<T> {
  return kept !== undefined && kept.current && kept.ageMs <= kept.freshMs;
}
