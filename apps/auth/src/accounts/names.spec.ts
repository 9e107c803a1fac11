import { describe, expect, it } from 'vitest';
import { isName } from './names.ts';

describe('a name', () => {
  it.each([
    'Ann',
    'Ada Lovelace',
    'J. R. R. Tolkien',
    'Seán O’Casey',
    "Mary-Jane D'Arcy Jr.",
    'Mª José',
    '山田 太郎',
    'علی‌رضا',
    'नरेन्द्र मोदी',
    'Gal·la',
  ])('may be %s', (text) => expect(isName(text)).toBe(true));

  it.each([
    ['an address of a site', 'evil.example'],
    ['a link', 'https://evil.example/pay'],
    ['a number to call', 'Call 0800 1234'],
    ['a sentence', 'your account is locked please call us now'],
    ['two sentences', 'Ann! Your order failed'],
    ['an e-mail address', 'ann@example.com'],
    ['two lines', 'Ann\nBcc: all'],
    ['a change of direction', 'Ann\u202enna'],
    ['spaces that are none', 'Ann\u2003Ann'],
    ['nothing', ''],
    ['more than sixty characters', 'a'.repeat(61)],
  ])('is not %s', (_, text) => expect(isName(text)).toBe(false));
});
