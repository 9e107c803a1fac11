import { eventStoreTables } from '../lab/event-store-tables.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import type { Identity } from '../security/identities.ts';
import { rules, type Rule } from '../security/rules.ts';
import type { Ask, Said } from './service.ts';

interface RbacLoad extends Load {
  readonly customers: number;
  /** Orders of each. */
  readonly orders: number;
}

/** What can be done to one order, and who may: the rules of the matrix that CI runs against the whole shop. */
const operations: readonly { what: Ask['what']; rule: Rule }[] = [
  { what: 'read', rule: 'owner or staff' },
  { what: 'history', rule: 'owner or staff' },
  { what: 'cancel', rule: 'owner' },
];

/** Customers who know the ids of other people's orders try what can be done with them. What do they get to see? */
export const experiment: Experiment<RbacLoad> = {
  title: 'Roles and ownership',
  harm: 'orders of somebody else read or cancelled',
  variants: [
    {
      name: 'not asked',
      practice: false,
      what: 'a valid token and its scope are enough; whose the order is, is not asked',
    },
    { name: 'asked', practice: true, what: 'the query asks whose it is; another’s is not there' },
  ],
  load: { full: { seed: 20, customers: 20, orders: 10 }, quick: { seed: 20, customers: 6, orders: 3 } },
  tables: eventStoreTables,
  topics: [],

  async round(bench, { name }, load) {
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    const [product = '', support = '', ...customers] = keysFrom(numbersFrom(load.seed), load.customers + 2);
    await bench.query(
      `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
      [product],
    );
    const placed = await Promise.all(
      customers.flatMap((who) =>
        Array.from({ length: load.orders }, async () => ({ who, id: await place(service, who, product) })),
      ),
    );

    let [foreign, unexpected, served, asked] = [0, 0, 0, 0];
    for (const [n, { who: owner, id }] of placed.entries()) {
      const stranger =
        customers[(customers.indexOf(owner) + 1 + (n % (customers.length - 1))) % customers.length] ?? '';
      const tries: [Identity, string, boolean][] = [
        ['other customer', stranger, false],
        ['support', support, true],
        ['owner', owner, false],
      ];
      for (const { what, rule } of operations) {
        for (const [identity, who, servesCustomers] of tries) {
          const { status = 0 } = (await service.ask<Said>({ who, servesCustomers, what, id } satisfies Ask)) ?? {};
          const wanted = rules[rule]('orders')[identity];
          asked++;
          if (status < 300 && wanted === 404) foreign++;
          if (status < 300 && wanted === 'done') served++;
          if ((wanted === 'done') !== status < 300 || (wanted !== 'done' && status !== wanted)) unexpected++;
        }
      }
    }
    const [written] = await bench.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM order_reads WHERE reader = $1',
      [support],
    );
    return {
      harm: foreign,
      figures: {
        orders: placed.length,
        requests: asked,
        'of somebody else, done': foreign,
        'not as the matrix says': unexpected,
        'as they may': served,
        'reads by support written down': written?.count ?? 0,
      },
      doubts: [
        ...bench.doubts(service),
        ...(placed.every(({ id }) => id !== '') ? [] : ['not every order was placed']),
        // Each order is read twice by support, and read twice and cancelled by its owner.
        ...(served === 5 * placed.length
          ? []
          : [`${served} of ${5 * placed.length} requests of those who may were done`]),
      ],
    };
  },
};

const place = async (service: Victim, who: string, product: string) =>
  (await service.ask<Said>({ who, servesCustomers: false, what: 'place', id: product } satisfies Ask))?.id ?? '';
