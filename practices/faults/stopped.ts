import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import type { Site } from './site.ts';

/** Each is a relay, too: its shards, or its slot, and its partitions are to be taken over by the other instance. */
const victims = ['orders', 'catalog', 'payments'] as const;

/** What PROOF asks of a takeover; the same for the end of the alarm. */
const TAKEN_OVER_WITHIN_MS = 10_000;
/** A probe that is not answered in this time has raised the alarm. */
const PROBE_MS = 2_000;

export const processStopped: Fault = {
  id: 'F4',
  title: 'a process is stopped for a minute (SIGSTOP), then goes on as if nothing had happened',
  // What it had in hand waits until its group and its database have given it up.
  bounds: { stalenessMs: 90_000 },
  async strike({ site, quick }) {
    const takeovers: number[] = [];
    const recoveries: number[] = [];
    const broken: string[] = [];
    for (const service of quick ? victims.slice(0, 1) : victims) {
      const instance = await site.relays.ownerOf(service);
      const who = `${service}-${instance}`;
      await site.accident(`SIGSTOP ${who}`, () => site.shop.kill(service, instance, 'SIGSTOP').then(() => true));
      const since = performance.now();
      // Its sessions still hold what it owns; the server ends them when they have been silent for too long.
      await sleep(1_000);
      takeovers.push(1_000 + (await site.relays.takenFrom(service, instance)));
      if (await isLive(site, service, instance))
        broken.push(`${who} says that it is live while it is stopped: no alarm`);
      await sleep(Math.max(0, (quick ? 15_000 : 60_000) - (performance.now() - since)));
      await site.shop.kill(service, instance, 'SIGCONT');
      const back = await live(site, service, instance);
      if (back === undefined) broken.push(`${who} goes on, and is not live ${TAKEN_OVER_WITHIN_MS / 1_000} s later`);
      else recoveries.push(back);
      await sleep(3_000);
    }
    const slowest = Math.max(...takeovers);
    if (slowest > TAKEN_OVER_WITHIN_MS)
      broken.push(`what a stopped process owned was taken over after ${slowest} ms only`);
    return {
      figures: {
        'taken over after at most (ms)': slowest,
        'live again after at most (ms)': Math.max(0, ...recoveries),
      },
      broken,
    };
  },
};

type Victim = (typeof victims)[number];

async function isLive(site: Site, service: Victim, instance: number): Promise<boolean> {
  const url = site.shop.instances[service][instance - 1];
  return fetch(`${url}/health/live`, { signal: AbortSignal.timeout(PROBE_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Milliseconds until it is live; nothing when it is not in time. */
async function live(site: Site, service: Victim, instance: number): Promise<number | undefined> {
  const since = performance.now();
  for (; performance.now() - since < TAKEN_OVER_WITHIN_MS; await sleep(50))
    if (await isLive(site, service, instance)) return Math.round(performance.now() - since);
  return undefined;
}
