import { createHash, createHmac } from 'node:crypto';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import type { AuthConfig } from '../auth.config.ts';
import { GuessLimits, purgeAttempts, TooManyGuesses } from './guess-limits.ts';

const { url } = await freshDatabase('auth');
/** Two instances that share nothing but the database. */
const databases = [1, 2].map(() => new Database(url, { size: 4, application: 'spec' }));
const [one, other] = databases.map(
  (database) => new GuessLimits(database, { COOKIE_KEYS: ['a-key-of-this-year', 'a-key-of-last-year'] } as AuthConfig),
) as [GuessLimits, GuessLimits];
afterAll(() => Promise.all(databases.map((database) => database.close())));

const allowed = async (
  limits: GuessLimits,
  email: string,
  { address = '203.0.113.1', device }: { address?: string; device?: string } = {},
) =>
  limits.take({ kind: 'password', of: email, address, device }).then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof TooManyGuesses)) throw error;
      return false;
    },
  );
const count = (outcomes: boolean[]) => outcomes.filter(Boolean).length;

describe('guesses at one account', () => {
  it('from one address are ten, however many come at once and at which instance', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, n) => allowed(n % 2 ? one : other, 'a@example.com')),
    );
    expect(count(outcomes)).toBe(10);
    expect(await allowed(one, 'A@Example.com ')).toBe(false);
    expect(await allowed(one, 'b@example.com')).toBe(true);
  });

  it('wait twice as long each time, up to a quarter of an hour', async () => {
    const waits: number[] = [];
    for (let n = 0; n < 24; n++) {
      await databases[0]!.query(`UPDATE sign_in_attempts SET next_at = now()`);
      await one.take({ kind: 'password', of: 'c@example.com', address: '203.0.113.9', device: undefined });
      const [row] = await databases[0]!.query<{ wait: number }>(
        `SELECT extract(epoch FROM next_at - last_at)::int AS wait FROM sign_in_attempts WHERE source LIKE 'address:%' ORDER BY last_at DESC LIMIT 1`,
      );
      waits.push(row!.wait);
    }
    expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]);
  });

  it('are a hundred in an hour at most, seventy from everywhere and thirty by known browsers, however many addresses and cookies there are', async () => {
    const tries = [...Array(100).keys()];
    const strangers = () =>
      Promise.all(tries.map((n) => allowed(n % 2 ? one : other, 'd@example.com', { address: `198.51.100.${n}` })));
    const known = () =>
      Promise.all(tries.map((n) => allowed(n % 2 ? one : other, 'd@example.com', { device: `cookie-${n}` })));
    expect([count(await strangers()), count(await known())]).toEqual([35, 20]);
    await databases[0]!.query(`UPDATE sign_in_attempts SET next_at = next_at - interval '59 minutes 30 seconds'`);
    expect([count(await strangers()), count(await known())]).toEqual([34, 9]);
  });

  it('from one network of IPv6, a /64, are those of one address', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        allowed(n % 2 ? one : other, 'f@example.com', { address: `2001:db8:0:7::${n.toString(16)}` }),
      ),
    );
    expect(count(outcomes)).toBe(10);
    expect(await allowed(one, 'f@example.com', { address: '2001:db8:0:8::1' })).toBe(true);
  });

  it('by a known browser go on when strangers have used up theirs, and a right password gives back one guess only', async () => {
    for (let n = 0; n < 35; n++) await allowed(one, 'g@example.com', { address: `198.51.100.${n}` });
    expect(await allowed(one, 'g@example.com', { address: '198.51.100.99' })).toBe(false);
    for (let n = 0; n < 19; n++)
      await one.take({ kind: 'password', of: 'g@example.com', address: '', device: 'stolen' });
    await (await one.take({ kind: 'password', of: 'g@example.com', address: '', device: 'of-the-owner' }))();
    expect([
      await allowed(one, 'g@example.com', { device: 'stolen' }),
      await allowed(one, 'g@example.com', { device: 'stolen' }),
    ]).toEqual([true, false]);
  });

  it('at a second factor are none at a password, whatever somebody types as an address', async () => {
    const id = '0192f0c0-0000-7000-8000-000000000001';
    for (const typed of [`second factor of ${id}`, `second factor:${id}`, id])
      for (let n = 0; n < 12; n++) await allowed(one, typed, { address: '203.0.113.3' });
    const step = () =>
      one.take({ kind: 'second factor', of: id, address: '203.0.113.3', device: undefined }).then(
        () => true,
        () => false,
      );
    const outcomes: boolean[] = [];
    for (let n = 0; n < 12; n++) outcomes.push(await step());
    expect(count(outcomes)).toBe(10);
  });

  it('that were right cost nothing', async () => {
    for (let n = 0; n < 120; n++)
      await (await one.take({ kind: 'password', of: 'e@example.com', address: '203.0.113.2', device: undefined }))();
    expect(await allowed(one, 'e@example.com', { address: '203.0.113.2' })).toBe(true);
  });

  it('are forgotten after two days', async () => {
    await databases[0]!.query(`UPDATE sign_in_attempts SET last_at = now() - interval '3 days'`);
    while ((await purgeAttempts(databases[0]!, 50)) === 50);
    expect(await databases[0]!.query('SELECT 1 FROM sign_in_attempts')).toEqual([]);
  });
});

describe('guesses at a second factor', () => {
  it('are counted together wherever they come from, and wait twice as long each time, up to four hours', async () => {
    const waits: number[] = [];
    for (let n = 0; n < 28; n++) {
      await databases[0]!.query(`UPDATE sign_in_attempts SET next_at = now()`);
      await one.take({ kind: 'second factor', of: 'harden', address: `198.51.100.${n}`, device: undefined });
      const [row] = await databases[0]!.query<{ wait: number }>(
        `SELECT extract(epoch FROM next_at - last_at)::int AS wait FROM sign_in_attempts WHERE account LIKE 'second factor:%' ORDER BY last_at DESC LIMIT 1`,
      );
      waits.push(row!.wait);
    }
    expect(waits).toEqual([
      ...Array<number>(9).fill(0),
      1,
      2,
      4,
      8,
      16,
      32,
      64,
      128,
      256,
      512,
      1024,
      2048,
      4096,
      8192,
      14400,
      14400,
      14400,
      14400,
      14400,
    ]);
    await expect(
      one.take({ kind: 'second factor', of: 'harden', address: '203.0.113.77', device: undefined }),
    ).rejects.toBeInstanceOf(TooManyGuesses);
  });
});

describe('a browser that has signed in before', () => {
  const [ida, olga] = ['0192f0c0-0000-7000-8000-000000000001', '0192f0c0-0000-7000-8000-000000000002'];
  const at = (id: string, credentialsVersion: number) => ({ id, credentialsVersion });

  it('is known to every instance, for that account only, and cannot be made up', () => {
    const cookie = one.deviceCookie(at(ida, 3));
    expect(other.deviceOf(cookie, at(ida, 3), 'a@example.com')).toBe(cookie.split('.')[0]);
    expect(other.deviceOf(cookie, at(olga, 3), 'a@example.com')).toBeUndefined();
    expect(other.deviceOf(`${cookie}x`, at(ida, 3), 'a@example.com')).toBeUndefined();
    expect(other.deviceOf(undefined, at(ida, 3), 'a@example.com')).toBeUndefined();
    expect(other.deviceOf(cookie, undefined, 'a@example.com')).toBeUndefined();
  });

  it('is known by the mark that the release before gave it', () => {
    const account = createHash('sha256').update('a@example.com').digest('base64url');
    const cookie = `nonce.${createHmac('sha256', 'a-key-of-last-year').update(`device:${account}:3:nonce`).digest('base64url')}`;
    expect([
      one.deviceOf(cookie, at(ida, 3), 'A@example.com'),
      one.deviceOf(cookie, at(ida, 4), 'A@example.com'),
      one.deviceOf(cookie, at(ida, 3), 'b@example.com'),
    ]).toEqual(['nonce', undefined, undefined]);
  });

  it('is a stranger again once the credentials have changed', () => {
    expect(other.deviceOf(one.deviceCookie(at(ida, 3)), at(ida, 4), 'a@example.com')).toBeUndefined();
  });
});
