import type { Log } from '../consumer-runtime.ts';

export interface KafkaBusOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
  /** How long the broker may take to acknowledge a commit, in ms, before the member that asked is replaced by a new one. */
  readonly commitDeadlineMs?: number;
}

/**
 * What every client of the broker is told. An answer that never comes is asked for again after ten seconds, not the client's thirty: after a
 * kill, the partitions of a group wait for the slowest of its members. It must be longer than a rebalance may take.
 */
export const connection = ({ brokers, clientId }: KafkaBusOptions) => ({
  clientId,
  bootstrapBrokers: [...brokers],
  connectTimeout: 5_000,
  requestTimeout: 10_000,
});

/**
 * Of what lies on a topic so much is held at once, at most: with a backlog, a client's default of up to fifty times as much is what a consumer's
 * memory goes into. A batch that is larger comes whole.
 */
export const FETCH_BYTES = 1_048_576;
