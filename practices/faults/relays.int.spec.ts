import type { MessageBus } from '@shop/eventing';
import { WalRelay } from '@shop/eventing';
import type { Shop } from '@shop/infra/shop';
import { freshDatabase, servers } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { openRelays, producers } from './relays.ts';
import { Stores } from './stores.ts';

const fresh = await freshDatabase('orders');
const databases = { orders: fresh, catalog: fresh, payments: fresh, notifications: fresh, auth: fresh };
/** This process is the second instance of everything. */
const processes = producers.map((service) => ({ service, instance: 2, pid: process.pid, restarts: 0 }));
const stores = new Stores(databases);
const relays = openRelays(stores, { databases, processes } as unknown as Shop, servers().postgres.adminUrl);
const log = { info: () => {}, warn: () => {}, error: () => {} };
const relay = new WalRelay({
  bus: { publish: async () => {}, prove: async () => {} } as unknown as MessageBus,
  log,
  connectionString: fresh.url,
  replicationUrl: fresh.replicationUrl,
});

afterAll(async () => {
  await relay.stop();
  await Promise.all([relays.close(), stores.close()]);
});

describe('the slot of an outbox', () => {
  it('is known by the instance that reads it, and by how far it has been read', async () => {
    relay.start();
    expect(await relays.ownedAgain()).toBeGreaterThanOrEqual(0);
    expect(await relays.ownerOf('orders')).toBe(2);
    expect(await relays.takenFrom('orders', 1)).toBeLessThan(10_000);
    await relays.published();
  });
});
