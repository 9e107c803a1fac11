import { expect, it } from 'vitest';
import { StoreEpoch } from './store-epoch.ts';

const epoch = '7c33dcf2-4b56-4c06-8ded-d9124916920b';
const standing = (mark: number) => ({ epoch, mark, at: new Date(mark * 1_000).toISOString(), follows: [] });

it('a connection that looked before the mark was counted up is no older state', async () => {
  let mark = 0;
  let admit: (ask: () => Promise<unknown>) => Promise<void> = () => Promise.resolve();
  const database = {
    admitBy: (admission: typeof admit) => (admit = admission),
    query: async () => [{ ...standing(mark), counted: false, ageMs: 0 }],
  };
  const bus = { newest: async () => undefined, publish: async () => {} };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const store = new StoreEpoch({ bus, database, log, consumers: () => ['orders.list'], everyMs: 60_000 } as never);
  await store.start();
  await admit(async () => {
    const seen = [standing(mark)];
    mark = 1;
    await store.look();
    return seen;
  });
  expect(store.trouble).toBeUndefined();
  await expect(admit(async () => [standing(0)])).rejects.toThrow('is an older state');
  await store.stop();
});
