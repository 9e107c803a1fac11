import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { servers } from '@shop/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { migrate, type MigrationSet } from './migrate.ts';

const adminUrl = servers().postgres.adminUrl;
const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
let url: string;
let database: pg.Client;

beforeEach(async () => {
  const target = new URL(adminUrl);
  target.pathname = `/${servers().prefix}migrate_${randomBytes(4).toString('hex')}`;
  url = target.href;
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${target.pathname.slice(1)}`);
  await admin.end();
  database = new pg.Client({ connectionString: url });
  await database.connect();
});
afterEach(() => database.end());
afterAll(() => rmSync(folder, { recursive: true }));

function set(name: string, files: Record<string, string>): MigrationSet {
  const dir = join(folder, randomBytes(4).toString('hex'));
  mkdirSync(dir);
  for (const [file, sql] of Object.entries(files)) writeFileSync(join(dir, file), sql);
  return { name, dir };
}

async function tables(): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
  );
  return rows.map(({ name }) => name).filter((name) => name !== 'schema_migrations');
}

const one = 'CREATE TABLE one (id int)';
const two = 'CREATE TABLE two (id int); CREATE TABLE three (id int)';

it('applies each set in order, and what was applied not again', async () => {
  const shop = set('shop', { '0002-two.sql': two, '0001-one.sql': one, 'README.md': 'not SQL' });
  const eventing = set('eventing', { '0001-outbox.sql': 'CREATE TABLE outbox (id int)' });
  expect(await migrate(url, [eventing, shop])).toEqual([
    'eventing/0001-outbox.sql',
    'shop/0001-one.sql',
    'shop/0002-two.sql',
  ]);
  expect(await migrate(url, [eventing, shop])).toEqual([]);
  expect(await tables()).toEqual(['one', 'outbox', 'three', 'two']);
});

it('applies only what has been added since', async () => {
  await migrate(url, [set('shop', { '0001-one.sql': one })]);
  expect(await migrate(url, [set('shop', { '0001-one.sql': one, '0002-two.sql': two })])).toEqual([
    'shop/0002-two.sql',
  ]);
});

it('expands as far as the running version does not mind, and contracts when it is gone', async () => {
  const shop = set('shop', {
    '0001-one.sql': one,
    '0002-gone.sql': '-- contract\n-- no-transaction\nDROP TABLE one',
    '0003-two.sql': two,
  });
  const other = set('other', { '0001-four.sql': 'CREATE TABLE four (id int)' });
  expect(await migrate(url, [shop, other], { phase: 'expand' })).toEqual(['shop/0001-one.sql', 'other/0001-four.sql']);
  expect(await migrate(url, [shop, other], { phase: 'expand' })).toEqual([]);
  expect(await migrate(url, [shop, other], { phase: 'contract' })).toEqual(['shop/0002-gone.sql', 'shop/0003-two.sql']);
  expect(await tables()).toEqual(['four', 'three', 'two']);
});

it('lets several start at once: each file is applied once', async () => {
  const shop = set('shop', { '0001-one.sql': one, '0002-two.sql': two });
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(url, [shop])));
  expect(applied.flat().sort()).toEqual(['shop/0001-one.sql', 'shop/0002-two.sql']);
});

it('applies a file whole or not at all, and none after it', async () => {
  const broken = set('shop', { '0001-one.sql': `${one}; SELECT no_such_column`, '0002-two.sql': two });
  await expect(migrate(url, [broken])).rejects.toThrow(
    'Migration shop/0001-one.sql failed: column "no_such_column" does not exist',
  );
  expect(await tables()).toEqual([]);
  expect(await migrate(url, [set('shop', { '0001-one.sql': one, '0002-two.sql': two })])).toHaveLength(2);
});

it('runs a file outside a transaction when its first line says so', async () => {
  const shop = set('shop', {
    '0001-one.sql': one,
    '0002-index.sql': '-- no-transaction\nCREATE INDEX CONCURRENTLY one_id ON one (id)',
  });
  expect(await migrate(url, [shop])).toHaveLength(2);
});

it.each([
  [
    'that was changed after it was applied',
    { '0001-one.sql': `${one} -- changed` },
    'shop/0001-one.sql was changed after it was applied',
  ],
  ['that follows on one that is gone', { '0002-two.sql': two }, 'shop/0001-one.sql is applied, but its file is gone'],
  [
    'numbered below an applied one',
    { '0000-zero.sql': 'SELECT 1', '0001-one.sql': one },
    'shop/0000-zero.sql comes before shop/0001-one.sql',
  ],
  ['with the number of another', { '0001-one.sql': one, '0001-two.sql': two }, 'shop/0001-two.sql: name it'],
  ['without a number', { '0001-one.sql': one, 'two.sql': two }, 'shop/two.sql: name it'],
])('refuses a file %s', async (_what, files, sentence) => {
  await migrate(url, [set('shop', { '0001-one.sql': one })]);
  await expect(migrate(url, [set('shop', files)])).rejects.toThrow(sentence);
  expect(await tables()).toEqual(['one']);
});

it('lets an older version be deployed again: a database that is ahead is left alone', async () => {
  await migrate(url, [set('shop', { '0001-one.sql': one, '0002-two.sql': two })]);
  expect(await migrate(url, [set('shop', { '0001-one.sql': one })])).toEqual([]);
});

it('gives up on a table that is in use, instead of making everybody wait behind it', async () => {
  await migrate(url, [set('shop', { '0001-one.sql': one })]);
  await database.query('BEGIN; LOCK TABLE one IN ACCESS SHARE MODE');
  const altering = set('shop', { '0001-one.sql': one, '0002-alter.sql': 'ALTER TABLE one ADD COLUMN name text' });
  await expect(migrate(url, [altering], { lockTimeout: 100, patience: 0 })).rejects.toThrow(
    'shop/0002-alter.sql failed: canceling statement due to lock timeout',
  );
  await database.query('ROLLBACK');
  expect(await migrate(url, [altering], { lockTimeout: 100 })).toEqual(['shop/0002-alter.sql']);
});

it('tries again until the table is free, and lets everybody pass meanwhile', async () => {
  await migrate(url, [set('shop', { '0001-one.sql': one })]);
  await database.query('BEGIN; LOCK TABLE one IN ACCESS SHARE MODE');
  let done = false;
  const altering = migrate(
    url,
    [set('shop', { '0001-one.sql': one, '0002-alter.sql': 'ALTER TABLE one ADD COLUMN name text' })],
    { lockTimeout: 50 },
  ).finally(() => (done = true));
  // Another reader comes through while it waits, as often as it likes.
  const reader = new pg.Client({ connectionString: url, query_timeout: 10_000 });
  await reader.connect();
  for (let times = 0; times < 20; times++) await reader.query('SELECT count(*) FROM one');
  await reader.end();
  expect(done).toBe(false);
  await database.query('COMMIT');
  expect(await altering).toEqual(['shop/0002-alter.sql']);
});
