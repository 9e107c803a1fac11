import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { burst } from './burst.ts';
import type { Fault } from './fault.ts';
import { consumerKilled, everythingKilled, ordersKilled, relayKilled } from './kills.ts';
import { deliveredAgain, poison } from './messages.ts';
import type { Result } from './run.ts';
import { brokerAway, databaseRestarted, diskFull } from './servers.ts';
import { processStopped } from './stopped.ts';

/** Every fault, in the order of their numbers. */
export const faults: readonly Fault[] = [
  relayKilled,
  ordersKilled,
  consumerKilled,
  processStopped,
  brokerAway,
  databaseRestarted,
  diskFull,
  poison,
  deliveredAgain,
  burst,
  everythingKilled,
];

const fileOf = (id: string) => fileURLToPath(new URL(`results/${id}.json`, import.meta.url));

/** The last full run, if there is one. */
export function lastResult(id: string): Result | undefined {
  return existsSync(fileOf(id)) ? (JSON.parse(readFileSync(fileOf(id), 'utf8')) as Result) : undefined;
}

export function keep(result: Result): void {
  mkdirSync(dirname(fileOf(result.id)), { recursive: true });
  writeFileSync(fileOf(result.id), `${JSON.stringify(result, undefined, 2)}\n`);
}
