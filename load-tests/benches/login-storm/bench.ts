import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { signIn } from '@shop/infra/login';
import { percentile, spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { pace } from '../../lab/pace.ts';
import { account, registerAs } from '../../lab/traffic.ts';
import { judged, type Verdict } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 4, warmUp: 12 }, quick: { rounds: 1, seconds: 2, warmUp: 1 } } as const;
const [PEOPLE, ORDERS_A_SECOND] = [16, 10];
const [CEILING, SLOWER] = [0.7, 2];
/** As auth does it. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/**
 * Everybody signs in, as fast as the form lets them, while a few go on ordering; against a program that does nothing
 * but check passwords.
 */
export const bench: Bench = {
  title: 'A storm of sign-ins, while others order',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P11'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds, warmUp } = LOADS[setting.quick ? 'quick' : 'full'];
    const shop = await setting.shop();
    const gateway = shop.shop.urls.gateway;
    const issuer = `${gateway}/oidc`;
    const people = Array.from({ length: PEOPLE }, account);
    for (const person of people) await registerAs({ gateway, provider: '', providerKey: '' }, person);
    const order = async () => pace(await shop.orders(gateway, '/v1/orders'), { perSecond: ORDERS_A_SECOND, seconds });
    const storm = (lasting: number) =>
      Promise.all(people.map((person) => over(lasting, () => signIn({ issuer, ...person }).then(() => undefined))));
    await Promise.all([order(), storm(warmUp)]);
    const found = [];
    for (let round = 1; round <= rounds; round++) {
      const ceiling = await checks(seconds);
      const calm = await order();
      const [stormy, tried] = await Promise.all([order(), storm(seconds).then((all) => all.flat())]);
      const signedIn = tried.filter(({ done }) => done);
      found.push({
        ceiling,
        signIns: signedIn.length / seconds,
        turnedAway: tried.length - signedIn.length,
        signInP99Ms: percentile(
          signedIn.map(({ ms }) => ms),
          99,
        ),
        calmP99Ms: calm.accepted.p99Ms,
        stormyP99Ms: stormy.accepted.p99Ms,
      });
      setting.say(
        `round ${round} of ${rounds}: ${Math.round(signedIn.length / seconds)} sign-ins a second, argon2id alone ${Math.round(ceiling)}`,
      );
      await shop.drained();
    }
    const ratio = spread(found.map(({ signIns, ceiling }) => signIns / ceiling));
    const slower = spread(found.map(({ calmP99Ms, stormyP99Ms }) => stormyP99Ms / calmP99Ms));
    const measured = `${ratio.median} × (${ratio.min} – ${ratio.max}); place-order p99 ${slower.median} × meanwhile`;
    const verdict: Verdict = {
      id: 'P11',
      what: 'login storm: the whole way of a sign-in, its client on the same machine',
      base: 'argon2id alone, on every core',
      goal: `≥ ${CEILING} × its ceiling; place-order p99 ≤ ${SLOWER} × meanwhile`,
      measured,
      verdict: judged(ratio, ratio.median >= CEILING && slower.median <= SLOWER),
      ratio,
    };
    return {
      figures: { verdicts: [verdict], people: PEOPLE, seconds, rounds: found },
      lines: [`P11 ${measured}; goal ${verdict.goal}: ${verdict.verdict}`],
      doubts: [],
    };
  },
};

/** Passwords checked a second, by as many at a time as there are cores. */
async function checks(seconds: number): Promise<number> {
  const kept = await hash('a long enough password', cost);
  const all = await Promise.all(
    Array.from({ length: availableParallelism() }, () =>
      over(seconds, async () => void (await verify(kept, 'a long enough password'))),
    ),
  );
  return all.flat().length / seconds;
}

/** Does it again and again for so long. Being turned away is an outcome, not an error. */
async function over(seconds: number, work: () => Promise<void>): Promise<{ done: boolean; ms: number }[]> {
  const found = [];
  for (const until = performance.now() + seconds * 1_000; performance.now() < until; ) {
    const began = performance.now();
    const done = await work().then(
      () => true,
      () => false,
    );
    found.push({ done, ms: performance.now() - began });
  }
  return found;
}
