import { describe, expect, it } from 'vitest';
import { formToken, isFormToken } from './form-token.ts';

const [older, newer] = ['a-key-of-last-year', 'a-key-of-this-year'];

describe('the token of a form', () => {
  it('belongs to one interaction', () => {
    const token = formToken('one', [newer]);
    expect(isFormToken(token, 'one', [newer])).toBe(true);
    expect(isFormToken(token, 'another', [newer])).toBe(false);
    expect(isFormToken('', 'one', [newer])).toBe(false);
  });

  it('outlives a change of keys for as long as the older key is kept', () => {
    const token = formToken('one', [older]);
    expect(isFormToken(token, 'one', [newer, older])).toBe(true);
    expect(isFormToken(token, 'one', [newer])).toBe(false);
  });
});
