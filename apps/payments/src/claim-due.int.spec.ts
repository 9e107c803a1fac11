import { LookedThrough } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase, pagesRead } from '@shop/testing';
import { expect, it } from 'vitest';
import { claimDue } from './payment-rows.ts';

const { url, ownerUrl } = await freshDatabase('payments');

it('open outcomes are claimed without wading through those that are known by now, however long somebody holds an old snapshot', async () => {
  const [single, owner] = [
    new Database(url, { size: 1, application: 'spec' }),
    new Database(ownerUrl, { size: 1, application: 'spec' }),
  ];
  const holder = await owner.pool.connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await holder.query('SELECT count(*) FROM open_outcomes');
  await single.query(
    `INSERT INTO open_outcomes (order_id, move, due_at) SELECT gen_random_uuid(), 'capture', now() - interval '1 minute' - n * interval '10 milliseconds' FROM generate_series(1, 12000) AS n`,
  );
  await single.query('DELETE FROM open_outcomes');
  const looked = new LookedThrough();
  const look = () => pagesRead(single, 'open_outcomes', () => claimDue(single, 60_000, 16, looked));
  const [first, second] = [await look(), await look()];
  await holder.query('ROLLBACK');
  holder.release();
  expect(first).toBeGreaterThan(100);
  expect(second).toBeLessThan(20);
  // What falls due later is found, and what a slow transaction made due a moment ago.
  await single.query(
    `INSERT INTO open_outcomes (order_id, move, due_at) VALUES (gen_random_uuid(), 'capture', now() - interval '5 seconds'), (gen_random_uuid(), 'void', now())`,
  );
  expect(await claimDue(single, 60_000, 16, looked)).toHaveLength(2);
  await Promise.all([single.close(), owner.close()]);
});
