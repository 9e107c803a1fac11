import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Cursors } from './cursors.ts';

const id = '0198c0de-0000-7000-8000-000000000001';
const list = new Cursors('products');
const byName = { limit: 20, sort: 'name', 'filter[price][lte]': 500 };
const word = z.string().min(1);
const cursor = list.after(byName, { id, key: 'Mug' });

describe('a cursor', () => {
  it('gives back the position it was made of, whatever the key', () =>
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), fc.integer()),
        (anyId, key) => {
          fc.pre(typeof key === 'number' || key.isWellFormed());
          const made = list.after(byName, { id: anyId, key });
          expect(list.position({ ...byName, cursor: made }, z.union([z.string(), z.number()]))).toEqual({
            id: anyId,
            key,
          });
        },
      ),
    ));

  it('fits into what the contract allows, for the longest name', () =>
    expect(list.after(byName, { id, key: '"'.repeat(120) }).length).toBeLessThanOrEqual(400));

  it('goes on with another limit, and with fields that nobody asked about', () => {
    expect(list.position({ ...byName, limit: 5, 'filter[name]': undefined, cursor }, word)).toEqual({ id, key: 'Mug' });
  });

  it.each([
    ['another sort', list, { ...byName, sort: '-name' }],
    ['another filter', list, { ...byName, 'filter[price][lte]': 501 }],
    ['no filter', list, { limit: 20, sort: 'name' }],
    ['another list', new Cursors('orders'), byName],
  ])('is refused by %s, which is said', (_what, other, question) => {
    expect(() => other.position({ ...question, cursor }, word)).toThrow(
      expect.objectContaining({
        status: 400,
        errors: [{ pointer: '/query/cursor', detail: expect.stringContaining('another filter or sort') }],
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['words', 'page-2'],
    ['an id alone', Buffer.from(`\x02${'0'.repeat(24)}`).toString('base64url')],
    ['another version', `AQ${cursor.slice(2)}`],
    ['a cursor with something behind it', `${cursor}!`],
    ['a key of another type', list.after(byName, { id, key: 7 })],
    [
      'a key that is not JSON',
      Buffer.concat([Buffer.from(cursor, 'base64url').subarray(0, 25), Buffer.from('Mug')]).toString('base64url'),
    ],
  ])('is refused when it is %s', (_what, text) => {
    expect(() => list.position({ ...byName, cursor: text }, word)).toThrow(
      expect.objectContaining({
        code: 'validation-failed',
        errors: [expect.objectContaining({ pointer: '/query/cursor' })],
      }),
    );
  });
});
