import { describe, inject, it } from 'vitest';
import type { DatabaseName } from './fresh-database.ts';

/** A server that not every machine can have. */
export type Needed = 'kafka' | 'redis' | 'rabbitmq' | 'sqs';

/** The real servers of this test run, as the global setup of the `int` and `e2e` projects provides them. */
export interface TestServers {
  postgres: { adminUrl: string };
  kafka?: { brokers: string };
  redis?: { url: string };
  rabbitmq?: { url: string };
  sqs?: { url: string };
  /** Why a server is not there: this machine cannot have it, and what to do about that. */
  missing: Partial<Record<Needed, string>>;
  /** Every database and role of this run starts with it; the global setup drops what does. */
  prefix: string;
  /** One migrated database per service, which freshDatabase() copies. Nobody connects to these. */
  templates: Record<DatabaseName, { url: string; ownerUrl: string; replicationUrl?: string }>;
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: TestServers;
  }
  export interface TaskMeta {
    /** Set by describeWith: the server whose absence excuses the skip. */
    needs?: string;
  }
}

/** The servers of this run. Postgres is always there; for the others use describeWith. */
export const servers = (): TestServers => inject('servers');

/**
 * A suite that needs one of these. Where this machine cannot have the server the suite is skipped and listed with its
 * reason; any other way to skip a test counts as a failure.
 */
export function describeWith<Server extends Needed>(
  server: Server,
  name: string,
  suite: (address: NonNullable<TestServers[Server]>) => void,
): void {
  const address = servers()[server];
  if (address) {
    describe(name, () => suite(address));
    return;
  }
  describe(name, () => {
    it(`needs ${server}`, ({ task, skip }) => {
      task.meta.needs = server;
      skip(servers().missing[server]);
    });
  });
}
