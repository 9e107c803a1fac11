import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

/** Each is a relay, too: its shards and its partitions are to be taken over by the other instance. */
const victims = ['orders', 'catalog', 'payments'] as const;

export const processStopped: Fault = {
  id: 'F4',
  title: 'a process is stopped for a minute (SIGSTOP), then goes on as if nothing had happened',
  // What it had in hand waits until its group and its database have given it up.
  bounds: { stalenessMs: 90_000 },
  async strike({ site, quick }) {
    const takeovers: number[] = [];
    const noticed: string[] = [];
    for (const service of quick ? victims.slice(0, 1) : victims) {
      await site.accident(`SIGSTOP ${service}-1`, () => site.shop.kill(service, 1, 'SIGSTOP').then(() => true));
      const since = performance.now();
      // Its sessions still hold its shards; the server ends them when they have been silent for too long.
      await sleep(1_000);
      takeovers.push(1_000 + (await site.stores.ownedByOne(service)));
      const url = site.shop.instances[service][0];
      const answered = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(2_000) }).then(() => true, () => false);
      if (answered) noticed.push(`${service}-1 says that it is live while it is stopped`);
      await sleep(Math.max(0, (quick ? 15_000 : 60_000) - (performance.now() - since)));
      await site.shop.kill(service, 1, 'SIGCONT');
      await sleep(3_000);
    }
    return { figures: { 'shards taken over after at most (ms)': Math.max(...takeovers) }, broken: noticed };
  },
};
