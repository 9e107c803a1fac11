import type { Log } from '../consumer-runtime.ts';
import type { KafkaSecurity } from './security.ts';

export interface KafkaBusOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS and SASL, where no mesh sees to it. */
  readonly security?: KafkaSecurity;
  readonly log: Log;
  /**
   * How long the broker may take to acknowledge a commit, in ms, before the member that asked is replaced by a new one.
   */
  readonly commitDeadlineMs?: number;
  /**
   * How long a client waits for the answer to a request, in ms, before it gives up the connection; ten seconds unless
   * said.
   */
  readonly requestTimeoutMs?: number;
}

export const REQUEST_TIMEOUT_MS = 10_000;

/**
 * What every client of the broker is told. An answer that never comes is asked for again after ten seconds, not the
 * client's thirty: after a kill, the partitions of a group wait for the slowest of its members. It must be longer than
 * a rebalance may take.
 */
export const connection = ({
  brokers,
  clientId,
  security = {},
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
}: KafkaBusOptions) => ({
  ...secured(security),
  clientId,
  bootstrapBrokers: [...brokers],
  connectTimeout: 5_000,
  requestTimeout: requestTimeoutMs,
});

/** As @platformatic/kafka takes it: a certificate is compared with the name that the broker was called by. */
export const secured = ({ tls, sasl }: KafkaSecurity) => ({
  ...(tls && { tls, tlsServerName: true }),
  ...(sasl && { sasl }),
});

/**
 * Of what lies on a topic so much is held at once, at most: with a backlog, a client's default of up to fifty times as
 * much is what a consumer's memory goes into. A batch that is larger comes whole.
 */
export const FETCH_BYTES = 1_048_576;

/**
 * Where the default partitioner of Kafka's own clients, and so each of ours, puts a key: `hash` is its murmur2, as
 * signed 32 bits.
 */
export const partitionOf = (hash: number, partitions: number): number => (hash & 0x7fff_ffff) % partitions;

/** Rejects when there is no answer in time; it may still come. */
export async function answered<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Kafka has not answered ${what} for ${ms} ms`)), ms);
  work.catch(() => {}); // it may fail when nobody waits for it any more
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
