import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '@shop/infra/environment';
import { register } from '@shop/infra/login';
import type { Fault, Seen } from './fault.ts';
import { clockObstacle, fakeClock } from './fake-clock.ts';
import type { Site } from './site.ts';

const OFF_S = 300;
/**
 * Of every service that verifies tokens (token-verifier.ts); tokens live five minutes, so a clock that far ahead takes
 * those that are younger than this.
 */
const LEEWAY_S = 30;
/** Not the first instances, whose clocks are right; nor auth, which is where the time of a token comes from. */
const services = [
  'gateway',
  'orders',
  'catalog',
  'payments',
  'notifications',
] as const satisfies readonly ServiceName[];

export const clocksOff: Fault = {
  id: 'F11',
  title: 'the clocks of second instances are five minutes ahead, then five behind',
  // An event bears the time of the instance that recorded it.
  bounds: { stalenessMs: 2 * OFF_S * 1_000 + 60_000 },
  obstacle: clockObstacle,
  async strike({ site, quick, say }) {
    const broken: string[] = [];
    let asked = 0;
    const clock = await fakeClock(site.servers.state);
    const bent = (seconds: number) => ({ ...clock, FAKETIME: `${seconds > 0 ? '+' : ''}${seconds}` });
    for (const offset of [OFF_S, -OFF_S]) {
      const name = offset > 0 ? 'ahead' : 'behind';
      const restartOne = (service: ServiceName, index: number) =>
        site.shop.restart(service, 2, bent(index % 2 === 0 ? offset : -offset));
      await site.accident(`second instances have clocks that are off, the gateway's ${name}`, async () => {
        await Promise.all(services.map(restartOne));
        return true;
      });
      const found = await tokensAt(site, offset, quick);
      asked += found.asked;
      broken.push(...found.broken);
      say(`the gateway's second clock was ${name}`);
      await sleep(quick ? 3_000 : 20_000);
    }
    await Promise.all(services.map((service) => site.shop.restart(service, 2)));
    return { figures: { 'tokens shown': asked }, broken };
  },
  judge: ({ evidence, commands }: Seen) => {
    const given = evidence.events.filter(
      ({ type, data }) => type === 'OrderCancelled' && data['reason'] === 'timed-out',
    ).length;
    const refused = commands.flatMap(({ answers }) => answers.filter(({ status }) => status === 401)).length;
    return {
      figures: { 'answered 401': refused, 'orders given up': given },
      broken: given > 0 ? [`${given} orders were given up, none of which had to wait`] : [],
    };
  },
};

/**
 * A token shown to either gateway while it is young, and when it is older than the leeway: only a clock that is ahead
 * may refuse it, and only then. Whether the gateway's or that of orders, which is off the other way, is ahead decides
 * who may: the second gateway, or any, by who is asked in turn.
 */
async function tokensAt(site: Site, offset: number, quick: boolean): Promise<{ asked: number; broken: string[] }> {
  const { gateway } = site.shop.instances;
  const { accessToken } = await register({
    issuer: `${site.shop.urls.gateway}/oidc`,
    email: `clock${Math.round(performance.now())}@example.com`,
    password: 'correct horse battery',
    name: 'Carla Clock',
  });
  const statuses = async () => {
    const each: number[] = [];
    for (const url of [...gateway, ...gateway]) each.push(await statusOf(url, accessToken));
    return each;
  };
  const young = await statuses();
  const broken = young.every((status) => status === 200) ? [] : [`a young token was answered ${young.join(', ')}`];
  if (quick) return { asked: young.length, broken };
  await sleep((LEEWAY_S + 10) * 1_000);
  const old = await statuses();
  const allowed = old.every((status, index) =>
    offset > 0 ? status === (index % 2 === 0 ? 200 : 401) : status === 200 || status === 401,
  );
  return {
    asked: young.length + old.length,
    broken: allowed ? broken : [...broken, `a token older than the leeway was answered ${old.join(', ')}`],
  };
}

async function statusOf(url: string, token: string): Promise<number> {
  const answer = await fetch(`${url}/v1/orders`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  });
  await answer.body?.cancel();
  return answer.status;
}
