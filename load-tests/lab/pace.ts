import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { percentile } from './bench.ts';
import type { Plan } from './wrk.ts';

/** What became of requests that were sent when they were due, whatever had become of those before. */
export interface Paced {
  readonly offered: number;
  readonly seconds: number;
  /** How many were answered in which way; 0: not at all. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Of those that were answered 2xx, from the moment when they were due. */
  readonly accepted: { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number };
  /** Of those that were turned away, 429 or 503. */
  readonly refused: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number };
}

const ANSWER_MS = 10_000;
/** As many at a time as a crowd of browsers would hold open. */
const CONNECTIONS = 256;

/** POSTs the plan's bodies at a fixed rate. */
export async function pace(
  { url, paths, bodies = [], tokens = [] }: Plan,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Paced> {
  const pool = new Pool(url, { connections: CONNECTIONS, bodyTimeout: ANSWER_MS, headersTimeout: ANSWER_MS });
  const found: { status: number; ms: number }[] = [];
  const one = async (n: number, due: number) => {
    const headers = {
      authorization: `Bearer ${tokens[n % tokens.length]}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    };
    const asked = pool.request({
      path: paths[0] ?? '/',
      method: 'POST',
      headers,
      body: bodies[n % bodies.length] ?? '',
    });
    const status = await asked.then(
      async (answer) => (await answer.body.dump(), answer.statusCode),
      () => 0,
    );
    found.push({ status, ms: performance.now() - due });
  };
  const [total, began, under] = [perSecond * seconds, performance.now(), [] as Promise<void>[]];
  for (let sent = 0; sent < total; await sleep(1)) {
    for (const now = performance.now(); sent < total && began + (sent * 1_000) / perSecond <= now; sent++)
      under.push(one(sent, began + (sent * 1_000) / perSecond));
  }
  await Promise.all(under);
  await pool.close();
  return told(found, { offered: total, seconds });
}

function told(
  found: readonly { status: number; ms: number }[],
  { offered, seconds }: Pick<Paced, 'offered' | 'seconds'>,
): Paced {
  const msOf = (fits: (status: number) => boolean) => found.filter(({ status }) => fits(status)).map(({ ms }) => ms);
  const [accepted, refused] = [
    msOf((status) => status >= 200 && status < 300),
    msOf((status) => status === 429 || status === 503),
  ];
  const statuses = Object.fromEntries(
    [...Map.groupBy(found, ({ status }) => status)].map(([status, all]) => [String(status), all.length]),
  );
  const times = (ms: number[]) =>
    ms.length === 0 ? { p50Ms: 0, p99Ms: 0 } : { p50Ms: percentile(ms, 50), p99Ms: percentile(ms, 99) };
  return {
    offered,
    seconds,
    statuses,
    accepted: { perSecond: Math.round(accepted.length / seconds), ...times(accepted) },
    refused: { count: refused.length, ...times(refused) },
  };
}

/** How many were neither taken nor turned away. */
export const lost = ({ offered, refused, statuses }: Paced): number =>
  offered -
  refused.count -
  Object.entries(statuses).reduce((sum, [status, count]) => sum + (status.startsWith('2') ? count : 0), 0);
