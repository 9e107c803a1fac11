import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageCursor, toCursor } from './page-cursor.ts';

const id = '0198c0de-0000-7000-8000-000000000001';

describe('a page cursor', () => {
  it('gives back the position it was made of, whatever the name', () =>
    fc.assert(
      fc.property(fc.uuid(), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((name) => !name.includes('\0')), (anyId, name) => {
        fc.pre(Buffer.byteLength(name) <= 120 && name.isWellFormed());
        expect(pageCursor.parse(toCursor({ id: anyId, name }))).toEqual({ id: anyId, name });
      }),
    ));

  it('fits into what the contract allows, for the longest name', () => expect(toCursor({ id, name: 'x'.repeat(120) }).length).toBeLessThanOrEqual(256));

  it.each([
    ['nothing', ''],
    ['words', 'page-2'],
    ['an id alone', Buffer.from(`\x01${'0'.repeat(16)}`).toString('base64url')],
    ['another version', `Ag${toCursor({ id, name: 'Mug' }).slice(2)}`],
    ['a cursor with something behind it', `${toCursor({ id, name: 'Mug' })}!`],
    ['a name that is not UTF-8', Buffer.concat([Buffer.from(toCursor({ id, name: 'a' }), 'base64url'), Buffer.of(0xff)]).toString('base64url')],
    ['a name with a NUL', toCursor({ id, name: 'a\0' })],
  ])('is refused when it is %s', (_what, text) => expect(pageCursor.safeParse(text).success).toBe(false));
});
