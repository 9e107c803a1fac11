import { manyIds } from '@shop/contracts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { openIssuer } from '../lab/issuer.ts';
import { Party } from '../lab/party.ts';
import { numbersFrom } from '../lab/seed.ts';
import type { Wish } from './service.ts';
import { shopOf, type Shop } from './shop.ts';

interface GraphLoad extends Load {
  readonly requests: number;
  readonly orders: number;
  readonly products: number;
}

/** What is asked of the graph: a list of so many orders, or one of them; always with lines, and the product of each. */
type Question = { readonly list: number } | { readonly order: string };

const shape = 'id lines { quantity product { id name } }';
const texts = {
  list: `query ($limit: Int) { orders(limit: $limit) { items { ${shape} } } }`,
  order: `query ($id: ID!) { order(id: $id) { ${shape} } }`,
};

interface Answered {
  readonly id: string;
  readonly lines: readonly { readonly product: { readonly id: string; readonly name: string } | null }[];
}

/** An app shows orders with what is in them. How often does the graph ask the services behind it? */
export const experiment: Experiment<GraphLoad> = {
  title: 'Batched loads (N+1)',
  harm: 'calls beyond one for each list and each hundred of a kind',
  variants: [
    { name: 'one by one', practice: false, what: 'each field reads what it shows' },
    { name: 'each once', practice: false, what: 'the same, remembered until the answer is complete' },
    { name: 'batched', practice: true, what: 'what is asked for at once is read at once, and nothing twice' },
  ],
  load: {
    full: { seed: 20, requests: 400, orders: 100, products: 200 },
    quick: { seed: 20, requests: 30, orders: 40, products: 100 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, load) {
    const shop = shopOf(load);
    const questions = questionsOf(load, shop);
    const [issuer, catalog, orders] = await Promise.all([
      openIssuer(),
      Party.start(shop.catalog),
      Party.start(shop.ordersService),
    ]);
    try {
      const service = await bench.start(import.meta.resolve('./service.ts'), name);
      const url = await service.ask<string>({
        issuer: issuer.name,
        keysUrl: issuer.keysUrl,
        catalog: catalog.url,
        orders: orders.url,
      } satisfies Wish);
      const headers = { authorization: `Bearer ${await issuer.access('reader')}`, 'content-type': 'application/json' };
      const calls: number[] = [];
      let [wrong, beyond] = [0, 0];
      const began = performance.now();
      // One after the other, so that each call is known to be for this one.
      for (const question of questions) {
        const before = catalog.calls + orders.calls;
        if (!isRight(shop, question, await ask(`${url}/graphql`, headers, question))) wrong++;
        calls.push(catalog.calls + orders.calls - before);
        beyond += Math.max(0, (calls.at(-1) ?? 0) - allowed(shop, question));
      }
      const ms = (performance.now() - began) / questions.length;
      return {
        harm: beyond,
        figures: {
          requests: questions.length,
          'calls to orders': orders.calls,
          'calls to catalog': catalog.calls,
          'for one request, at most': Math.max(...calls),
          allowed: questions.reduce((sum, question) => sum + allowed(shop, question), 0),
          'ms a request': Math.round(ms * 10) / 10,
        },
        doubts: [
          ...bench.doubts(service),
          ...(wrong === 0 ? [] : [`${wrong} of ${questions.length} answers were not what is in the shop`]),
          ...(Math.min(...calls) > 0 ? [] : ['something was answered without asking anybody']),
        ],
      };
    } finally {
      issuer.close();
      await Promise.all([catalog.stop(), orders.stop()]);
    }
  },
};

function questionsOf({ seed, requests }: GraphLoad, shop: Shop): Question[] {
  const next = numbersFrom(seed + 1);
  const ids = [...shop.orders.keys()];
  const limits = [5, 10, 20];
  return Array.from({ length: requests }, () =>
    next() < 0.6
      ? { list: limits[Math.floor(next() * limits.length)] ?? 5 }
      : { order: ids[Math.floor(next() * ids.length)] ?? '' },
  );
}

/** The orders that a question is about. */
const wanted = (shop: Shop, question: Question) =>
  'list' in question ? [...shop.orders.values()].slice(0, question.list) : [shop.orders.get(question.order)!];

/**
 * One call for the list or the order itself, one for each hundred of its orders, whose lines no list has, and one for
 * each hundred of their products.
 */
function allowed(shop: Shop, question: Question): number {
  const orders = wanted(shop, question);
  const products = new Set(orders.flatMap(({ lines }) => lines.map(({ productId }) => productId)));
  const batches = (count: number) => Math.ceil(count / manyIds.most);
  return 1 + ('list' in question ? batches(orders.length) : 0) + batches(products.size);
}

async function ask(url: string, headers: Record<string, string>, question: Question): Promise<Answered[]> {
  const [query, variables] =
    'list' in question ? [texts.list, { limit: question.list }] : [texts.order, { id: question.order }];
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(30_000),
  });
  const { data } = (await answer.json()) as {
    data?: { orders?: { items: Answered[] } | null; order?: Answered | null } | null;
  };
  return data?.orders?.items ?? (data?.order ? [data.order] : []);
}

function isRight(shop: Shop, question: Question, answered: readonly Answered[]): boolean {
  const expected = wanted(shop, question).map(({ id, lines }) => ({
    id,
    products: lines.map((line) => [line.productId, line.name]),
  }));
  return (
    JSON.stringify(
      answered.map(({ id, lines }) => ({ id, products: lines.map(({ product }) => [product?.id, product?.name]) })),
    ) === JSON.stringify(expected)
  );
}
