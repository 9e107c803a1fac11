/** One thing that happened: the n-th change of a key. How it is told on the way, and by whom, does not matter. */
export interface Fact {
  readonly key: string;
  /** From 1, without gaps. */
  readonly sequence: number;
}

/** What became of what happened, counted over all keys; each count comes with its first few cases. */
export interface Findings {
  /** Facts that happened. */
  readonly happened: number;
  /** Of them, seen nowhere. */
  readonly lost: number;
  /** Sightings beyond the first of a fact. */
  readonly doubled: number;
  /** Facts first seen after a later one of the same key. */
  readonly inverted: number;
  /** Facts seen that never happened. */
  readonly invented: number;
  /** Which fact it was, to look for: `lost <key> #3`. */
  readonly cases: readonly string[];
}

const CASES = 5;

/**
 * Compares what happened with what was seen, in the order in which it was seen. Facts of different keys have no order
 * between them.
 */
export function findingsOf(happened: readonly Fact[], seen: readonly Fact[]): Findings {
  const expected = new Map(happened.map((fact) => [nameOf(fact), fact]));
  const firstSeen = new Set<string>();
  const latest = new Map<string, number>();
  const found = { lost: [] as string[], doubled: [] as string[], inverted: [] as string[], invented: [] as string[] };
  for (const fact of seen) {
    const name = nameOf(fact);
    if (!expected.has(name)) found.invented.push(name);
    else if (firstSeen.has(name)) found.doubled.push(name);
    else {
      firstSeen.add(name);
      const last = latest.get(fact.key) ?? 0;
      if (fact.sequence < last) found.inverted.push(name);
      else latest.set(fact.key, fact.sequence);
    }
  }
  found.lost = [...expected.keys()].filter((name) => !firstSeen.has(name));
  return {
    happened: expected.size,
    lost: found.lost.length,
    doubled: found.doubled.length,
    inverted: found.inverted.length,
    invented: found.invented.length,
    cases: Object.entries(found).flatMap(([what, names]) => names.slice(0, CASES).map((name) => `${what} ${name}`)),
  };
}

const nameOf = ({ key, sequence }: Fact) => `${key} #${sequence}`;
