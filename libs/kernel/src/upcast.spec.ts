import { describe, expect, it } from 'vitest';
import { schemaVersionOf, upcast, type Upcasters } from './upcast.ts';

/** A name, then first and last, then with a language. */
const upcasters: Upcasters = {
  Registered: [
    ({ name, ...rest }) => ({ ...rest, first: String(name).split(' ')[0], last: String(name).split(' ')[1] }),
    (data) => ({ ...data, language: 'en' }),
  ],
};
const registered = (schemaVersion: number, data: object) =>
  upcast({ type: 'Registered', schemaVersion, data }, upcasters);

describe('an event that was stored in an older form', () => {
  it.each([
    [1, { at: 'noon', name: 'Ada Lovelace' }],
    [2, { at: 'noon', first: 'Ada', last: 'Lovelace' }],
    [3, { at: 'noon', first: 'Ada', last: 'Lovelace', language: 'en' }],
  ])('%i is read in the form of today, step by step', (version, data) => {
    expect(registered(version, data)).toEqual({
      type: 'Registered',
      at: 'noon',
      first: 'Ada',
      last: 'Lovelace',
      language: 'en',
    });
  });

  it('of a type that never changed is what it was', () => {
    expect(upcast({ type: 'Left', schemaVersion: 1, data: { at: 'noon' } }, upcasters)).toEqual({
      type: 'Left',
      at: 'noon',
    });
    expect([schemaVersionOf('Left', upcasters), schemaVersionOf('Registered', upcasters)]).toEqual([1, 3]);
  });

  it('is itself left alone', () => {
    const data = Object.freeze({ name: 'Ada Lovelace' });
    registered(1, data);
    expect(data).toEqual({ name: 'Ada Lovelace' });
  });

  it('newer than this code is not guessed at', () => {
    expect(() => registered(4, {})).toThrow(
      'Registered is stored in form 4, and this version of the service reads up to 3.',
    );
  });
});
