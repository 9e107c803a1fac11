import { randomUUID } from 'node:crypto';
import type { OrderView, PlaceOrder } from '@shop/contracts';
import { describeWith } from '@shop/testing';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { e2eBroker, e2eShop, PATIENCE_MS, type Customer, type E2eShop } from './e2e-shop.fixture.ts';

interface State {
  readonly version: number;
  readonly status: string;
}

/** The graph, with two gateways in front of everything else. */
describeWith(e2eBroker, 'the graph', () => {
  let shop: E2eShop;
  let alice: Customer;
  beforeAll(async () => {
    shop = await e2eShop('graph');
    alice = await shop.customer();
    await alice.order();
  });
  afterAll(() => shop?.stop());

  const place = async (input: PlaceOrder, idempotencyKey: string) => {
    const query =
      'mutation ($input: PlaceOrderInput!, $idempotencyKey: String) { placeOrder(input: $input, idempotencyKey: $idempotencyKey) { id } }';
    const body = JSON.stringify({ query, variables: { input, idempotencyKey } });
    const answer = await alice.ask<{ data: { placeOrder: { id: string } } }>('/graphql', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    return answer.body.data.placeOrder.id;
  };

  /** Follows an order by one gateway until it ends or the gateway does. */
  async function follow(
    gateway: string,
    id: string,
    { after, seen }: { after: number | undefined; seen: (state: State) => void },
  ): Promise<void> {
    const client = createClient({
      url: gateway.replace('http', 'ws') + '/graphql',
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization: await alice.authorization() },
    });
    const query = 'subscription ($id: ID!, $after: Int) { orderState(id: $id, after: $after) { version status } }';
    try {
      for await (const { data } of client.iterate<{ orderState: State }>({ query, variables: { id, after } }))
        if (data) seen(data.orderState);
    } catch (error) {
      // A socket that broke is what happens when its gateway is killed; anything else is a fault.
      if (error instanceof Error) throw error;
    } finally {
      await client.dispose();
    }
  }

  it('gives one order for one key, by mutation or by REST, at either gateway', async () => {
    const [basket, key] = [await alice.basket('DEMO-MUG'), randomUUID()];
    const ids = [await place(basket, key), await place(basket, key), (await alice.post(basket, key)).body.id];
    expect(new Set(ids).size).toBe(1);
  });

  it('tells each state of an order once and in order, also to whom it has to tell the rest by another gateway', {
    timeout: PATIENCE_MS * 3,
  }, async () => {
    // Long enough that the order is still under way when the gateway is killed.
    await shop.turnKnobs({ endpoints: { authorise: { latencyMs: 1_500 } } });
    const id = await place(await alice.basket('DEMO-MUG'), randomUUID());
    const [first = '', second = ''] = shop.shop.instances.gateway;
    const states: State[] = [];
    let killed: Promise<void> | undefined;
    await follow(second, id, {
      after: 0,
      seen: (state) => {
        states.push(state);
        killed ??= shop.shop.kill('gateway', 2);
      },
    });
    expect(states.at(-1)?.status).not.toBe('CONFIRMED');
    await follow(first, id, { after: states.at(-1)?.version, seen: (state) => states.push(state) });
    await Promise.all([killed, shop.turnKnobs({})]);
    await shop.shop.untilReady('gateway', 2);
    expect(states.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    expect([states[0]?.status, states[1]?.status, states.at(-1)?.status]).toEqual(['PLACED', 'RESERVED', 'CONFIRMED']);
    expect(await alice.get(id)).toEqual(
      expect.objectContaining<Partial<OrderView>>({ status: 'confirmed', version: 4 }),
    );
  });
});
