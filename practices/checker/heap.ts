/**
 * What a soak saw: the heap that a process had in use after each round of the same load, garbage collected before each
 * look.
 */
export interface Soak {
  readonly heapBytes: readonly number[];
  readonly requestsPerRound: number;
  /** So many rounds in the beginning say nothing: code is compiled and caches fill up. */
  readonly warmUpRounds: number;
  /** So many bytes kept for each request are noise. */
  readonly bytesPerRequest: number;
}

/**
 * How many bytes each request left in the heap: the median of the slopes between any two rounds (Theil and Sen), so
 * that a single round in which something large came or went does not decide. NaN where fewer than two rounds are left.
 */
export function keptPerRequest({ heapBytes, requestsPerRound, warmUpRounds }: Soak): number {
  const settled = heapBytes.slice(warmUpRounds);
  const slopes = settled.flatMap((from, first) => settled.slice(first + 1).map((to, gap) => (to - from) / (gap + 1)));
  return median(slopes) / requestsPerRound;
}

/** Whether it leaks: what requests leave behind is more than noise. A soak too short to tell is an error. */
export function leaks(soak: Soak): boolean {
  const kept = keptPerRequest(soak);
  if (Number.isNaN(kept)) throw new Error('a soak needs two rounds beyond its warm-up to tell anything');
  return kept > soak.bytesPerRequest;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}
