import { setTimeout as sleep } from 'node:timers/promises';
import type { Experiment, Load } from '../lab/experiment.ts';
import { numbersFrom } from '../lab/seed.ts';

interface ValidationLoad extends Load {
  readonly registrations: number;
  readonly clients: number;
}

/**
 * One wish to register; `extra` is what an attacker adds to it, as text, because not every object survives being one.
 */
interface Wish {
  readonly name: string;
  readonly extra: string | undefined;
}

/**
 * What is tried: fields that are in the table and in no form, some of them well known and some not, and the prototype
 * of everything.
 */
const attacks = [
  '"role":"admin"',
  '"credit":100000',
  '"verified":true',
  '"isAdmin":true,"verified":true',
  '"role":"admin","credit":5,"verified":true',
  '"__proto__":{"role":"admin"}',
  '"settings":{"__proto__":{"role":"admin","credit":7}}',
  '"settings":{"constructor":{"prototype":{"verified":true}}}',
];

/** People register, and some of them send more than the form has. How much of that ends up in the table? */
export const experiment: Experiment<ValidationLoad> = {
  title: 'Validation',
  harm: 'fields written that no client may write',
  variants: [
    { name: 'spread', practice: false, what: 'the body is the row' },
    {
      name: 'deny list',
      practice: false,
      what: 'the body is the row, without the fields that somebody has thought of',
    },
    {
      name: 'deep merge',
      practice: false,
      what: 'only what is meant is taken, and settings are merged into their defaults at every depth',
    },
    { name: 'schema', practice: true, what: 'a schema says what there is; everything else is refused' },
  ],
  load: {
    full: { seed: 20, registrations: 2_000, clients: 8 },
    quick: { seed: 20, registrations: 300, clients: 8 },
  },
  tables: `
    CREATE TABLE accounts (
      id uuid PRIMARY KEY, name text NOT NULL, theme text NOT NULL,
      role text NOT NULL, credit integer NOT NULL, verified boolean NOT NULL);
  `,
  topics: [],

  async round(bench, { name: variant, practice }, load) {
    const process = await bench.start(import.meta.resolve('./service.ts'), variant);
    const url = (await process.ask<string>({})) ?? '';
    const wishes = wishesFrom(load.seed, load.registrations);
    const answers = await registerAll(url, wishes, load.clients);
    const [rows] = await bench.query<{ count: number; forbidden: number }>(
      `SELECT count(*)::int, coalesce(sum((role <> 'customer')::int + (credit <> 0)::int + verified::int), 0)::int AS forbidden FROM accounts`,
    );
    const present = new Set((await bench.query<{ name: string }>('SELECT name FROM accounts')).map(({ name }) => name));
    const honest = wishes.filter(({ extra }) => extra === undefined);
    const lost = honest.filter(({ name }) => answers.get(name) !== 201 || !present.has(name));
    const count = (status: number) => [...answers.values()].filter((each) => each === status).length;
    return {
      harm: rows?.forbidden ?? 0,
      figures: {
        registrations: wishes.length,
        attacks: wishes.length - honest.length,
        refused: count(400),
        rows: rows?.count ?? 0,
        'fields forbidden': rows?.forbidden ?? 0,
      },
      doubts: [
        ...bench.doubts(process),
        ...(lost.length > 0 ? [`${lost.length} who sent what the form has were not registered`] : []),
        ...(count(201) + count(400) === wishes.length ? [] : ['a registration was answered with neither 201 nor 400']),
        ...(practice && count(400) !== wishes.length - honest.length
          ? ['something that nobody may send was not refused']
          : []),
      ],
    };
  },
};

function wishesFrom(seed: number, count: number): Wish[] {
  const next = numbersFrom(seed);
  return Array.from({ length: count }, (_, number) => {
    const attack = next() < 0.4;
    return { name: `person ${number}`, extra: attack ? attacks[Math.floor(next() * attacks.length)] : undefined };
  });
}

/** The status of each answer, by name. */
async function registerAll(url: string, wishes: readonly Wish[], clients: number): Promise<Map<string, number>> {
  const waiting = wishes.values();
  const answers = new Map<string, number>();
  const client = async () => {
    for (const { name, extra } of waiting) {
      const body = `{"name":${JSON.stringify(name)}${extra === undefined ? ',"settings":{"theme":"dark"}' : `,${extra}`}}`;
      answers.set(name, await register(url, body));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return answers;
}

/** One registration, asked for again while the service has no time for it. */
async function register(url: string, body: string): Promise<number> {
  for (;;) {
    const answer = await fetch(`${url}/accounts`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(30_000),
    });
    await answer.body?.cancel();
    if (answer.status !== 503) return answer.status;
    await sleep(50);
  }
}
