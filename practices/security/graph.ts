import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Outcome } from '@shop/infra/test-report';
import { identities, type Identity } from './identities.ts';
import { rules, type Cell, type Rule } from './rules.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

const schema = new URL('../../apps/gateway/generated/schema.graphql', import.meta.url);

/** A field that a document can begin with, and who may have it. */
interface GraphOperation {
  readonly rule: Rule;
  readonly document: string;
  readonly variables?: (world: World) => Record<string, unknown>;
}

const byId = (what: 'product' | 'order') => (world: World) => ({ id: world[what] });

/** Every field of queries, mutations and subscriptions. */
export const graphOperations: Readonly<Record<string, GraphOperation>> = {
  'Query.products': { rule: 'public', document: '{ products(limit: 1) { items { id } } }' },
  'Query.product': {
    rule: 'public',
    document: 'query ($id: ID!) { product(id: $id) { id } }',
    variables: byId('product'),
  },
  'Query.orders': { rule: 'people', document: '{ orders(limit: 100) { items { id } } }' },
  'Query.order': {
    rule: 'owner or staff',
    document: 'query ($id: ID!) { order(id: $id) { id } }',
    variables: byId('order'),
  },
  'Subscription.orderState': {
    rule: 'owner',
    document: 'subscription ($id: ID!) { orderState(id: $id) { orderId status } }',
    variables: byId('order'),
  },
  'Query.notifications': { rule: 'people', document: '{ notifications { items { id orderId } } }' },
  'Mutation.placeOrder': {
    rule: 'people',
    document:
      'mutation ($input: PlaceOrderInput!, $key: String!) { placeOrder(input: $input, idempotencyKey: $key) { id } }',
    variables: ({ basket }) => ({ input: basket, key: randomUUID() }),
  },
  'Mutation.cancelOrder': {
    rule: 'owner',
    document: 'mutation ($id: ID!) { cancelOrder(id: $id) { id } }',
    variables: byId('order'),
  },
};

/** The graph and the table name the same fields. */
export function graphCovered(): Outcome {
  const built = buildSchema(readFileSync(schema, 'utf8'));
  const running = [built.getQueryType(), built.getMutationType(), built.getSubscriptionType()].flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
  );
  const missing = running.filter((field) => !(field in graphOperations)).map((field) => `${field} has no rule`);
  const gone = Object.keys(graphOperations)
    .filter((field) => !running.includes(field))
    .map((field) => `${field} has a rule and is not there`);
  return { test: 'every field of the graph’s roots has its rule', faults: [...missing, ...gone] };
}

/** `mayKnow`: who may find the owner's order in an answer. */
export async function graphTried({ services }: Shop, world: World, mayKnow: ReadonlySet<Identity>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, { rule, document, variables }] of Object.entries(graphOperations)) {
    const wanted = rules[rule]('gateway');
    const faults: string[] = [];
    for (const identity of identities) {
      const ask = name.startsWith('Subscription.') ? overSocket : overHttp;
      const { cell, text } = await ask(
        services.gateway.url,
        { query: document, variables: variables?.(world) },
        world.people.tokens[identity],
      );
      if (cell !== wanted[identity]) faults.push(`${identity} gets ${cell}, not ${wanted[identity]}`);
      if (cell === 'done' && text.includes(world.order) && !mayKnow.has(identity))
        faults.push(`${identity} is shown an order of somebody else`);
    }
    outcomes.push({ test: `graph ${name}`, faults });
  }
  return outcomes;
}

interface Asked {
  readonly query: string;
  readonly variables: Record<string, unknown> | undefined;
}

interface Tried {
  readonly cell: Cell | number;
  readonly text: string;
}

const DEADLINE_MS = 10_000;

async function overHttp(gateway: string, asked: Asked, token: string | undefined): Promise<Tried> {
  const answer = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(asked),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const text = await answer.text();
  return { cell: cellOf(answer.status, JSON.parse(text) as Result), text };
}

/**
 * The first thing that is said of a subscription; or the status that the close of its socket stands for, 4401 for 401.
 */
async function overSocket(gateway: string, asked: Asked, token: string | undefined): Promise<Tried> {
  const client = createClient({
    url: `${gateway.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(token && { connectionParams: { authorization: `Bearer ${token}` } }),
  });
  const late = setTimeout(() => client.terminate(), DEADLINE_MS);
  try {
    const { value } = (await client.iterate(asked).next()) as { value?: Result };
    return { cell: cellOf(200, value ?? {}), text: JSON.stringify(value) };
  } catch (error) {
    if (Array.isArray(error))
      return { cell: cellOf(200, { errors: error as NonNullable<Result['errors']> }), text: '' };
    return { cell: ((error as { code?: number }).code ?? 4_500) - 4_000, text: '' };
  } finally {
    clearTimeout(late);
    await client.dispose();
  }
}

interface Result {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { extensions?: { status?: number } }[];
}

/** The same codes as REST: an error's status; another's order is null. */
function cellOf(status: number, { data, errors }: Result): Cell | number {
  if (status >= 400) return status;
  const [error] = errors ?? [];
  if (error) return error.extensions?.status ?? 500;
  return Object.values(data ?? {}).some((value) => value === null) ? 404 : 'done';
}
