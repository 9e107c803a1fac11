import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { burst } from './burst.ts';
import { clocksStepped } from './clock-steps.ts';
import { clocksOff } from './clocks.ts';
import { databaseUnwell } from './database-line.ts';
import { destinationIll } from './destination.ts';
import { brokersDiskFull, diskFull } from './disks.ts';
import type { Fault } from './fault.ts';
import { consumerKilled, everythingKilled, ordersKilled, relayKilled } from './kills.ts';
import { messagesLost } from './lost.ts';
import { deliveredAgain, poison } from './messages.ts';
import { partitionsAdded } from './partitions.ts';
import { providerSilent } from './provider.ts';
import type { Result } from './run.ts';
import { redisAway } from './redis.ts';
import { databasesRestored } from './restored.ts';
import { rollingDeploy } from './rolling.ts';
import { brokerAway, databaseRestarted } from './servers.ts';
import { processStopped } from './stopped.ts';
import { retryStorm } from './storm.ts';
import { straysBeside } from './strays.ts';

/** Every fault, in the order of their numbers. */
export const faults: readonly Fault[] = [
  relayKilled,
  ordersKilled,
  consumerKilled,
  processStopped,
  brokerAway,
  databaseRestarted,
  databaseUnwell,
  diskFull,
  brokersDiskFull,
  redisAway,
  clocksOff,
  clocksStepped,
  poison,
  deliveredAgain,
  burst,
  rollingDeploy,
  providerSilent,
  retryStorm,
  everythingKilled,
  destinationIll,
  messagesLost,
  straysBeside,
  databasesRestored,
  partitionsAdded,
];

/** Of the outbox. */
export type Driver = 'queue' | 'wal';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fileOf = (id: string, outbox: Driver) =>
  fileURLToPath(new URL(`results/${id}${outbox === 'wal' ? '-wal' : ''}.json`, import.meta.url));

/** The last full run, if there is one. */
export function lastResult(id: string, outbox: Driver = 'queue'): Result | undefined {
  const file = fileOf(id, outbox);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
}

/** Returns where it is. */
export function keep(result: Result, outbox: Driver): string {
  const file = fileOf(result.id, outbox);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  return relative(root, file);
}
