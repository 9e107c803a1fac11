import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import type { Experiment, Load } from '../lab/experiment.ts';

interface LimitLoad extends Load {
  readonly instances: number;
  /** Requests that each user may make in an hour. */
  readonly quota: number;
  /** Of the greedy one: so many at once, so many in all. */
  readonly greedyAtOnce: number;
  readonly greedy: number;
  /** The others: so many of them, each with so many requests, one after the other. */
  readonly users: number;
  readonly each: number;
}

/** A quota an hour is earned back one by one: this many while the experiment runs, at most. */
const earned = (quota: number, ms: number) => Math.ceil((ms * quota) / 3_600_000);

/** One client asks as fast as it can, twenty others now and then. What does it get, and what is left for them? */
export const experiment: Experiment<LimitLoad> = {
  title: 'Rate limiting',
  harm: 'requests of the greedy client let through beyond its quota',
  variants: [
    { name: 'no limit', practice: false, what: 'who comes first is served first' },
    { name: 'each instance', practice: false, what: 'the same algorithm, counted in each process by itself' },
    { name: 'shared', practice: true, what: 'counted in Redis, for all instances together' },
  ],
  load: {
    full: { seed: 20, instances: 3, quota: 100, greedyAtOnce: 100, greedy: 3_000, users: 20, each: 40 },
    quick: { seed: 20, instances: 2, quota: 40, greedyAtOnce: 50, greedy: 300, users: 6, each: 8 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, load) {
    const instances = await Promise.all(
      Array.from({ length: load.instances }, () => bench.start(import.meta.resolve('./service.ts'), name)),
    );
    const urls = await Promise.all(instances.map((instance) => instance.ask<string>({ quota: load.quota })));
    let turn = 0;
    const ask = async (user: string) => {
      const answer = await request(urls[turn++ % urls.length] ?? '', { headers: { authorization: `Bearer ${user}` } });
      await answer.body.dump();
      return answer.statusCode;
    };
    const began = performance.now();
    const [greedy, others] = await Promise.all([
      askAsFastAsPossible(() => ask('greedy'), load),
      askNowAndThen(ask, load),
    ]);
    const allowed = load.quota + earned(load.quota, performance.now() - began);
    const count = (statuses: readonly number[], wanted: number) =>
      statuses.filter((status) => status === wanted).length;
    const through = greedy.length - count(greedy, 429);
    const strange = [...greedy, ...others].filter((status) => ![200, 429, 503].includes(status));
    return {
      harm: Math.max(0, through - allowed),
      figures: {
        'greedy: requests': greedy.length,
        'its quota': load.quota,
        'let through': through,
        'others: requests': others.length,
        served: count(others, 200),
        'no room (503)': count(others, 503),
      },
      doubts: [
        ...bench.doubts(...instances),
        ...(greedy.length === load.greedy && others.length === load.users * load.each
          ? []
          : ['not every request was made']),
        ...(strange.length === 0 ? [] : [`answers nobody expected: ${[...new Set(strange)].join(', ')}`]),
        ...(count(others, 429) === 0 ? [] : ['others were refused, who kept within their quota']),
      ],
    };
  },
};

async function askAsFastAsPossible(ask: () => Promise<number>, { greedy, greedyAtOnce }: LimitLoad): Promise<number[]> {
  const statuses: number[] = [];
  let left = greedy;
  const one = async () => {
    while (left-- > 0) statuses.push(await ask());
  };
  await Promise.all(Array.from({ length: greedyAtOnce }, one));
  return statuses;
}

async function askNowAndThen(ask: (user: string) => Promise<number>, { users, each }: LimitLoad): Promise<number[]> {
  const statuses: number[] = [];
  const user = async (_: unknown, index: number) => {
    for (let number = 0; number < each; number++, await sleep(20)) statuses.push(await ask(`user-${index}`));
  };
  await Promise.all(Array.from({ length: users }, user));
  return statuses;
}
