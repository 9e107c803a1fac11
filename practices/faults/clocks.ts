import { globSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromDebian, hasDebian } from '@shop/infra/debian';
import type { Fault, Trial } from './fault.ts';

const MINUTES_5 = 300;
/** Two clocks that are off by so much differ by less than what whoever checks tokens allows for (30 s). */
const LITTLE_S = 12;
const ON_MS = { quick: 8_000, full: 40_000 };

/** Every first instance is ahead and every second behind, first a little, then by five minutes. Their timers go as before. */
export const clocksOff: Fault = {
  id: 'F11',
  title: 'clocks are off by five minutes, ahead at one instance of everything and behind at the other',
  // What is told ahead and heard behind looks that much older, or younger, than it is.
  bounds: { stalenessMs: 90_000 + 2 * MINUTES_5 * 1_000 },
  obstacle: () => (hasDebian() ? undefined : 'F11 needs libfaketime, which is fetched from Debian: here is no apt-get. Run it on Debian or Ubuntu.'),
  async strike(trial) {
    const { site, quick } = trial;
    const { folder } = await fromDebian(site.servers.state, 'libfaketime');
    const [library] = globSync('usr/lib/*/faketime/libfaketime.so.1', { cwd: folder });
    if (library === undefined) throw new Error(`there is no libfaketime.so.1 in ${folder}`);
    const preload = join(folder, library);
    const refusedBefore = unauthorised(trial);
    await turn(trial, preload, LITTLE_S);
    await sleep(quick ? ON_MS.quick : ON_MS.full);
    const within = unauthorised(trial) - refusedBefore;
    await turn(trial, preload, MINUTES_5);
    const doors = await atTheDoors(trial);
    await sleep(quick ? ON_MS.quick : ON_MS.full);
    const beyond = unauthorised(trial) - refusedBefore - within;
    await turn(trial, preload, 0);
    return {
      figures: { '401 while within the leeway': within, '401 while off by ±5 min': beyond },
      broken: [...(within === 0 ? [] : [`${within} requests were refused (401) though no two clocks differed by more than the leeway`]), ...doors],
    };
  },
};

/** Restarts one instance after the other with its clock off; none at all for nought. */
async function turn({ site, say }: Trial, preload: string, seconds: number): Promise<void> {
  for (const { service, instance } of site.instances) {
    const off = `${instance === 1 ? '+' : '-'}${seconds}s`;
    const env = { LD_PRELOAD: preload, FAKETIME: off, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    const restart = async () => {
      await site.shop.restart(service, instance, seconds === 0 ? {} : env);
      await site.shop.untilReady(service, instance);
      return true;
    };
    await site.accident(seconds === 0 ? `the clock of ${service}-${instance} is set` : `the clock of ${service}-${instance} is off by ${off}`, restart);
  }
  say(seconds === 0 ? 'all clocks are right again' : `all clocks are off by ${seconds} s, half of them ahead`);
}

/** How often clients were told 401 so far. */
function unauthorised({ site }: Trial): number {
  return (site.load?.journal ?? []).flatMap(({ answers }) => answers).filter(({ status }) => status === 401).length;
}

/** Tokens of either auth at either orders: refused exactly where the token is over by that instance's clock, and known when it is not. */
async function atTheDoors({ site: { shop } }: Trial): Promise<string[]> {
  const broken: string[] = [];
  for (const [madeAt, auth] of shop.instances.auth.entries()) {
    const token = await operatorToken(auth, shop.operatorSecret);
    for (const [askedAt, orders] of shop.instances.orders.entries()) {
      const { status } = await fetch(`${orders}/operations/outbox`, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(10_000) });
      // Made behind, asked ahead: it has been over for five minutes there.
      const wanted = madeAt === 1 && askedAt === 0 ? 401 : 200;
      if (status !== wanted) broken.push(`a token of auth-${madeAt + 1} got ${status} at orders-${askedAt + 1}, not ${wanted}`);
    }
  }
  return broken;
}

async function operatorToken(auth: string, secret: string): Promise<string> {
  const answer = await fetch(`${auth}/oidc/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`operator:${encodeURIComponent(secret)}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'operations' }),
    signal: AbortSignal.timeout(10_000),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}
