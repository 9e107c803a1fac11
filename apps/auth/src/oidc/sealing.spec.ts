import { describe, expect, it } from 'vitest';
import { SealedStore, Sealing } from './sealing.ts';

const [older, newer] = ['a-key-of-last-year', 'a-key-of-this-year'];
const sealing = new Sealing([newer]);

describe('what is sealed', () => {
  it('is read by us, for its purpose only', () => {
    const sealed = sealing.seal('{"state":"Bärbel"}', 'Interaction:one');
    expect(sealed).toMatch(/^[\w-]+$/);
    expect(sealing.open(sealed, 'Interaction:one')).toBe('{"state":"Bärbel"}');
    expect(sealing.open(sealed, 'Interaction:another')).toBeUndefined();
  });

  it('tells nothing, not even that the same was sealed twice', () => {
    const [one, other] = [sealing.seal('the same', 'p'), sealing.seal('the same', 'p')];
    expect(one).not.toBe(other);
    expect(Buffer.from(one, 'base64url').includes('same')).toBe(false);
  });

  it('does not open with one bit changed, shortened or made up', () => {
    const bytes = Buffer.from(sealing.seal('text', 'p'), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(sealing.open(changed.toString('base64url'), 'p')).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length++)
      expect(sealing.open(bytes.subarray(0, length).toString('base64url'), 'p')).toBeUndefined();
  });

  it('outlives a change of keys for as long as the older key is kept', () => {
    const sealed = new Sealing([older]).seal('text', 'p');
    expect(new Sealing([newer, older]).open(sealed, 'p')).toBe('text');
    expect(sealing.open(sealed, 'p')).toBeUndefined();
  });
});

describe('what is sealed and kept', () => {
  const kept = new SealedStore([newer, older], 'second factors');

  it('says which key sealed it and tells nothing of the key', () => {
    const sealed = kept.seal('text', 'p');
    expect(sealed).toMatch(/^[\w-]{8}\.[\w-]+$/);
    expect([
      sealed.startsWith(`${kept.newestId}.`),
      new SealedStore([older], 'second factors').newestId === kept.newestId,
    ]).toEqual([true, false]);
    expect(kept.open(sealed, 'p')).toBe('text');
    expect(kept.open(sealed, 'another')).toBeUndefined();
  });

  it('opens for one use of a key only, whatever else the same key seals', () => {
    const [, text = ''] = kept.seal('text', 'p').split('.');
    expect(new Sealing([newer]).open(text, 'p')).toBeUndefined();
    expect(kept.open(`${kept.newestId}.${new Sealing([newer]).seal('text', 'p')}`, 'p')).toBeUndefined();
  });

  it('opens while its key is in the list, and not under the id of another key', () => {
    const old = new SealedStore([older], 'second factors').seal('text', 'p');
    expect([kept.open(old, 'p'), new SealedStore([newer], 'second factors').open(old, 'p')]).toEqual([
      'text',
      undefined,
    ]);
    expect(kept.open(`${kept.newestId}.${old.split('.')[1]}`, 'p')).toBeUndefined();
    for (const text of ['', '.', 'x', `${kept.newestId}.`, old.slice(0, -4)])
      expect(kept.open(text, 'p')).toBeUndefined();
  });
});
