import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { Obstacle } from '@shop/infra/state';

export interface Scenario {
  readonly what: string;
  /** Requests or orders a second; of a ramp, where it leads. */
  readonly rate: number;
  readonly seconds: number;
  /** What of the requests the gateway's own histogram is asked about, to see whether both say the same. */
  readonly reconcile: 'read' | 'place-order';
}

/** What two cores carry with the shop, its servers and k6 on them. Another machine is told by --rate and --seconds. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  smoke: { what: 'a little of everything, for a few seconds', rate: 8, seconds: 8, reconcile: 'read' },
  browse: { what: 'people who look at products and do not buy', rate: 150, seconds: 20, reconcile: 'read' },
  'place-order': {
    what: 'orders only, each of which goes all the way',
    rate: 20,
    seconds: 20,
    reconcile: 'place-order',
  },
  mixed: {
    what: 'an ordinary day: of a hundred requests ten place an order',
    rate: 80,
    seconds: 20,
    reconcile: 'place-order',
  },
  spike: { what: 'ten times as many, all of a sudden', rate: 12, seconds: 30, reconcile: 'place-order' },
  soak: {
    what: 'an ordinary load for half an hour: what leaks shows',
    rate: 40,
    seconds: 1_800,
    reconcile: 'place-order',
  },
  breakpoint: { what: 'more and more, until a promise is broken', rate: 600, seconds: 120, reconcile: 'place-order' },
  'auth-storm': { what: 'everybody signs in, while others order', rate: 25, seconds: 20, reconcile: 'place-order' },
};

export const usage = `npm run load <scenario> [-- --rounds <n>] [--rate <a second>] [--seconds <n>] [--target <url>] [--not-loopback]

Asks the shop that runs here, or one that it starts and ends, and holds it to its objectives (infra/objectives). The exit code says whether they held.

${Object.entries(scenarios)
  .map(([name, { what, rate, seconds }]) => `  ${name.padEnd(14)}${what} (${rate} a second, ${seconds} s)`)
  .join('\n')}

  --rounds <n>     so many times; five and more are a measurement, which load-tests/results/load keeps (1: a try)
  --target <url>   another shop, by its gateway; a card token for it in PAYMENT_TOKEN
  --not-loopback   it may be on another machine
`;

export interface Wish extends Scenario {
  readonly name: string;
  readonly rounds: number;
  readonly target: string | undefined;
}

/** What the command line wants; undefined: to be told what there is. An Obstacle for what cannot be. */
export function wishOf(args: string[]): Wish | undefined {
  const [text, flag] = [{ type: 'string' } as const, { type: 'boolean', default: false } as const];
  const options = { rounds: text, rate: text, seconds: text, target: text, 'not-loopback': flag, help: flag };
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
  const [name, ...rest] = positionals;
  if (values.help || name === undefined) return undefined;
  if (rest.length > 0) throw new Obstacle(`One scenario at a time, not also ${rest.join(', ')}.`);
  const scenario = Object.hasOwn(scenarios, name) ? scenarios[name] : undefined;
  if (!scenario) throw new Obstacle(`There is no scenario "${name}": ${Object.keys(scenarios).join(', ')}.`);
  return {
    ...scenario,
    name,
    rounds: number('rounds', values.rounds, { otherwise: 1, most: 100 }),
    rate: number('rate', values.rate, { otherwise: scenario.rate, most: 100_000 }),
    seconds: number('seconds', values.seconds, { otherwise: scenario.seconds, most: 86_400 }),
    target: values.target === undefined ? undefined : targetOf(values.target, values['not-loopback']),
  };
}

function number(
  name: string,
  value: string | undefined,
  { otherwise, most }: { otherwise: number; most: number },
): number {
  const found = value === undefined ? otherwise : Number(value);
  if (!Number.isInteger(found) || found < 1 || found > most)
    throw new Obstacle(`--${name} is a whole number from 1 to ${most}, not "${value}".`);
  return found;
}

/** Load on a machine that is not one's own is an attack, unless somebody says that it is meant. */
function targetOf(text: string, anywhere: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Obstacle(`--target is the http or https address of a gateway, not "${text}".`);
  if (!anywhere && !isLoopback(url.hostname)) {
    throw new Obstacle(
      `${url.hostname} is not this machine: load on somebody else's is an attack. If it is yours to load, say --not-loopback.`,
    );
  }
  return url.origin;
}

/** A name may lead anywhere, and only this one is promised not to. */
function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
