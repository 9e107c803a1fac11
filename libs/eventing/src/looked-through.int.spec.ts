import { Database } from '@shop/platform';
import { freshDatabase, pagesRead } from '@shop/testing';
import { expect, it } from 'vitest';
import { LookedThrough } from './looked-through.ts';
import { forgetKeys } from './once.ts';

const { url, ownerUrl } = await freshDatabase('orders');

it('keys are forgotten without wading through those that have gone, however long somebody holds an old snapshot', async () => {
  const [single, owner] = [
    new Database(url, { size: 1, application: 'spec' }),
    new Database(ownerUrl, { size: 1, application: 'spec' }),
  ];
  await single.query(
    `INSERT INTO idempotency (principal, operation, key, body_hash, status, answer, created_at)
     SELECT 'p', 'o', n::text, 'h', 200, '{}', now() - interval '25 hours' - n * interval '10 milliseconds' FROM generate_series(1, 12000) AS n`,
  );
  await single.query(
    `INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) VALUES ('p', 'o', 'new', 'h', 200, '{}')`,
  );
  await owner.query('ANALYZE idempotency');
  const holder = await owner.pool.connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await holder.query('SELECT count(*) FROM idempotency');
  const looked = new LookedThrough();
  const looks: number[] = [];
  for (let look = 0; look < 5; look++)
    looks.push(await pagesRead(single, 'idempotency', () => forgetKeys(single, looked)));
  await holder.query('ROLLBACK');
  holder.release();
  expect(await single.query('SELECT key FROM idempotency')).toEqual([{ key: 'new' }]);
  expect(looks[0]).toBeGreaterThan(100);
  expect(looks.slice(3).every((pages) => pages < 20)).toBe(true);
  await Promise.all([single.close(), owner.close()]);
});
