import type { Log } from '../consumer-runtime.ts';

export interface KafkaBusOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
}

/** What every client of the broker is told. */
export const connection = ({ brokers, clientId }: KafkaBusOptions) => ({ clientId, bootstrapBrokers: [...brokers], connectTimeout: 5_000 });
