import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { treatmentOf, translated, isLost } from './pg-errors.ts';
import { addressesOf } from './primary.ts';

const failure = (code: string, more: Partial<pg.DatabaseError> = {}) =>
  Object.assign(new pg.DatabaseError('x', 1, 'error'), { code, severity: 'ERROR' }, more);

describe('an error of the server', () => {
  it.each([
    ['08006', 'connection', true, false],
    ['08P01', 'connection', true, false],
    ['25006', 'all', true, true],
    ['25P02', undefined, false, false],
    ['25P03', 'connection', true, false],
    ['26000', 'connection', true, true],
    ['28P01', 'connection', true, false],
    ['40001', undefined, true, true],
    ['40P01', undefined, true, true],
    ['40003', undefined, true, false],
    ['53100', undefined, true, false],
    ['53300', undefined, true, false],
    ['55P03', undefined, true, false],
    ['57014', undefined, true, false],
    ['57P01', 'all', true, false],
    ['57P02', 'all', true, false],
    ['57P03', 'all', true, false],
    ['57P05', 'connection', true, false],
    ['58030', undefined, true, false],
    ['0A000', undefined, false, false],
    ['23505', undefined, false, false],
    ['42601', undefined, false, false],
    ['XX000', undefined, false, false],
  ])('of %s drops %s, is unavailable: %s, is tried once more: %s', (code, drop, unavailable, again) => {
    const error = failure(code);
    const { unavailable: passing = false, again: once = false, drop: dropped } = treatmentOf(error);
    expect([dropped, passing, once]).toEqual([drop, unavailable, again]);
    expect(translated(error) === error).toBe(!unavailable);
    expect(isLost(error)).toBe(drop !== undefined);
  });

  it('that ends the session drops its connection, whatever its code', () => {
    expect(treatmentOf(failure('XX000', { severity: 'FATAL' }))).toEqual({ drop: 'connection', unavailable: true });
    expect(treatmentOf(failure('53300', { severity: 'FATAL' }))).toEqual({ drop: 'connection', unavailable: true });
  });

  it('about a plan that a migration has outdated has the statement prepared anew', () => {
    expect(treatmentOf(failure('0A000', { routine: 'RevalidateCachedQuery' }))).toMatchObject({
      drop: 'connection',
      again: true,
    });
  });

  it('of nobody we know is nobody’s business here', () => expect(treatmentOf(new Error('x'))).toEqual({}));
});

describe('the URL of a database', () => {
  it('may name several hosts, as libpq has it', () => {
    expect(
      addressesOf('postgres://me:a%2Cb@one,[::1]:5433,three:1/shop?sslmode=require&target_session_attrs=read-write'),
    ).toEqual({
      urls: ['one', '[::1]:5433', 'three:1'].map((host) => `postgres://me:a%2Cb@${host}/shop?sslmode=require`),
      writable: true,
    });
    expect(addressesOf('postgresql://one/shop')).toEqual({ urls: ['postgresql://one/shop'], writable: false });
  });

  it.each([
    'http://one/shop',
    'postgres:///shop',
    'postgres://one:x/shop',
    'postgres://one/shop?target_session_attrs=standby',
  ])('is not %s', (url) => {
    expect(() => addressesOf(url)).toThrow();
  });
});
