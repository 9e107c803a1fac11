import type { Experiment, Load } from '../lab/experiment.ts';
import { openIssuer, type Issuer } from '../lab/issuer.ts';
import { numbersFrom } from '../lab/seed.ts';
import { confused, sent, understood, type Answer } from './client.ts';
import { failures, type Failure, type Tokens } from './failures.ts';
import type { Wish } from './service.ts';

interface ProblemLoad extends Load {
  /** Requests that fail, of kinds that the seed draws; each kind once, at least. */
  readonly requests: number;
}

/**
 * Everything that can go wrong goes wrong, and a program has to do something about it. How often does it not know what?
 */
export const experiment: Experiment<ProblemLoad> = {
  title: 'Problem details',
  harm: 'failures that a program could not tell apart or do anything about',
  variants: [
    { name: 'Nest’s defaults', practice: false, what: 'each layer answers as its library does' },
    {
      name: 'own filter',
      practice: false,
      what: 'a shape of one’s own, with codes, for whatever comes by an exception filter',
    },
    {
      name: 'problem details',
      practice: true,
      what: 'one shape from every layer, with a code for each thing that can go wrong',
    },
  ],
  load: { full: { seed: 20, requests: 1_000 }, quick: { seed: 20, requests: 60 } },
  tables: '',
  topics: [],

  async round(bench, { name }, load) {
    const issuer = await openIssuer();
    try {
      const service = await bench.start(import.meta.resolve('./service.ts'), name);
      const url = (await service.ask<string>({ issuer: issuer.name, keysUrl: issuer.keysUrl } satisfies Wish)) ?? '';
      const kinds = failures(await tokensOf(issuer));
      await fetch(`${url}/orders/busy`);
      const known = [];
      for (const failure of drawn(kinds, load)) {
        const answer = await sent(url, failure.bytes);
        known.push({ ...failure, ...understood(answer, failure), answer });
      }
      const alike = confused(known);
      const lost = known.filter(({ as, lacks }) => alike.has(as) || lacks.length > 0);
      const shapes = new Set(known.map(({ answer }) => shapeOf(answer)));
      return {
        harm: lost.length,
        figures: {
          failures: known.length,
          kinds: kinds.length,
          'kinds not understood': new Set(lost.map(({ bytes }) => bytes)).size,
          'shapes of an answer': shapes.size,
          'taken for another': known.filter(({ as }) => alike.has(as)).length,
          'without what they need': known.filter(({ lacks }) => lacks.length > 0).length,
        },
        cases: [
          ...new Set(
            lost.map(
              ({ means, as, lacks }) =>
                `${means}: known as "${as}"${alike.has(as) ? ', like others' : ''}${lacks.map((need) => `, lacks ${need}`).join('')}`,
            ),
          ),
        ],
        doubts: [
          ...bench.doubts(service),
          ...known
            .filter(({ answer }) => !(answer.status >= 400))
            .map(({ means, answer }) => `${means} was answered with ${answer.status}`),
        ],
      };
    } finally {
      issuer.close();
    }
  },
};

async function tokensOf(issuer: Issuer): Promise<Tokens> {
  const [customer, admin] = await Promise.all([
    issuer.access('customer', { scope: 'prices:write', roles: ['customer'] }),
    issuer.access('admin', { scope: 'orders:read', roles: ['admin'] }),
  ]);
  return { customer, admin, forged: customer.replace(/.{10}$/, 'forged0000') };
}

/** Each kind once, then as the seed says. */
function drawn(kinds: readonly Failure[], { seed, requests }: ProblemLoad): Failure[] {
  const next = numbersFrom(seed);
  return [
    ...kinds,
    ...Array.from({ length: requests - kinds.length }, () => kinds[Math.floor(next() * kinds.length)] as Failure),
  ];
}

/** How an answer is made, without what it says: its type, and the members that every one of them has or not. */
function shapeOf({ headers, body }: Answer): string {
  const type = headers.get('content-type')?.split(';')[0] ?? 'no type';
  const optional = ['detail', 'instance', 'errors', 'traceId'];
  return body === ''
    ? 'nothing'
    : `${type} ${Object.keys(JSON.parse(body) as object)
        .filter((member) => !optional.includes(member))
        .sort()
        .join()}`;
}
