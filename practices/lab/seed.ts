/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** So many keys (UUIDs), the same for the same numbers. */
export function keysFrom(next: () => number, count: number): string[] {
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  return Array.from({ length: count }, () => `${hex(8)}-${hex(4)}-7${hex(3)}-8${hex(3)}-${hex(12)}`);
}

/** Picks as popularity goes: the first far more often than the last (Zipf with exponent 1). */
export function popular<T>(next: () => number, items: readonly T[]): () => T {
  const weights = items.map((_, index) => 1 / (index + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return () => {
    let left = next() * total;
    const index = weights.findIndex((weight) => (left -= weight) < 0);
    return items[index === -1 ? items.length - 1 : index] as T;
  };
}

/** `count` places in 0 … length − 1, one in each equal part, never in the first: where the kills land. */
export function spread(next: () => number, count: number, length: number): number[] {
  const part = length / (count + 1);
  return Array.from({ length: count }, (_, index) => Math.floor(part * (index + 0.5 + next())));
}
