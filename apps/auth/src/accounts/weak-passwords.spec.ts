import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weaknessOf } from './weak-passwords.ts';

const ada = { email: 'ada.lovelace@example.com', name: 'Ada Lovelace' };

describe('a password is too weak', () => {
  it.each([
    ['that many people have', 'unbelievable', /Too many people/],
    ['that is a common one with something around it', 'password1234', /Too many people/],
    ['in any case and on any keyboard', 'ＰａｓｓＷord!2024', /Too many people/],
    ['that repeats a short piece', 'xyzxyzxyzxyz', /repeats/],
    ['that repeats one character', 'aaaaaaaaaaaaa', /repeats/],
    ['that repeats a common one', 'monkeymonkey', /repeats/],
    ['that runs up the alphabet', 'cdefghijklmno', /runs along/],
    ['that runs through the digits', '456789012345', /runs along|Too many/],
    ['that is the address', 'ada.lovelace@example.com', /your address/],
    ['that is the name with a year', 'lovelace-1843', /your address/],
    ['that is the shop’s name', 'ablation-shop-2024', /your address/],
  ])('%s', (_, password, why) => expect(weaknessOf(password, ada)).toMatch(why));

  it.each([
    'correct horse battery',
    'a-long-password',
    'lovelace likes analytical engines',
    'dragon 83726194582',
    '日本語のパスワードです長い',
  ])('and is not: %s', (password) => {
    expect(weaknessOf(password, ada)).toBeUndefined();
  });

  it('in next to no case when it is random', () => {
    const random = fc.string({
      unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyz23456789'),
      minLength: 14,
      maxLength: 40,
    });
    fc.assert(
      fc.property(
        random,
        (password) => fc.pre(new Set(password).size > 6) === undefined && weaknessOf(password, ada) === undefined,
      ),
    );
  });
});
