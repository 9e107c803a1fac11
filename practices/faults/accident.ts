/** What was under way when something was done to the shop. */
export interface InFlight {
  /** Requests of clients that wait for their answer. */
  readonly requests: number;
  /** Orders whose saga awaits a step. */
  readonly sagas: number;
  /** Messages that wait to be published. */
  readonly outbox: number;
}

/** Something that was done to the shop, at which moment of the run. */
export interface Accident {
  readonly what: string;
  readonly atMs: number;
  readonly inFlight: InFlight;
  /** Whether it hit somebody, while there was something to lose. */
  readonly effective: boolean;
  /** Messages that the process had in hand when it died, where it left word of them. */
  readonly inHand?: number;
}
