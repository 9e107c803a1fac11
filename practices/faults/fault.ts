import type { Bounds, Command, Evidence } from '../checker/evidence.ts';
import type { Accident } from './accident.ts';
import type { Site } from './site.ts';

/** What a run is given: the shop under load, and chance that a seed fixes. */
export interface Trial {
  readonly site: Site;
  /** A number in [0, 1), the same for the same seed. */
  readonly next: () => number;
  /** For CI: fewer kills, shorter waits. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** What a run came to besides the invariants. */
export interface Findings {
  /** Everything worth knowing, in the order in which it is shown. */
  readonly figures: Readonly<Record<string, number>>;
  /** What this fault must not do, beyond breaking an invariant, and did. */
  readonly broken: readonly string[];
}

/** What a fault is judged by. */
export interface Seen {
  /** Of everything since the shop's beginning. */
  readonly evidence: Evidence;
  /** Of this run of it alone. */
  readonly accidents: readonly Accident[];
  readonly commands: readonly Command[];
}

/** A small file system of a server's own. */
export interface Disk {
  readonly of: 'postgres' | 'kafka';
  readonly mebibytes: number;
}

/** Something that happens to a shop under steady load, after which every invariant must hold. */
export interface Fault {
  readonly id: string;
  readonly title: string;
  /** Orders a second; ten unless said. */
  readonly rate?: number;
  /** A server that keeps its data on a disk of so many MiB. */
  readonly disk?: Disk;
  /** What this fault needs to be allowed. */
  readonly bounds?: Partial<Bounds>;
  /** Why it cannot be had on this machine, with the next step; nothing when it can. */
  obstacle?(): string | undefined;
  /** Lets it happen while orders arrive. */
  strike(trial: Trial): Promise<Findings>;
  /** What the evidence shows beyond the invariants. */
  judge?(seen: Seen): Findings;
}

export const times = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
