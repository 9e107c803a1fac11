import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText, minorUnits, moneyInEnglish, moneyText } from './currencies.ts';
import { largestAmount } from './money.ts';

const currency = fc.constantFrom(...minorUnits.keys());
/** The integer that some text writes with a point, commas, a sign and anything else around it. */
const digitsOf = (text: string) => Number(text.replaceAll(/[^\d]/g, ''));
const behindPoint = (text: string) => /\.(\d+)/.exec(text)?.[1]?.length ?? 0;

describe('an amount', () => {
  it('of every currency is written with as many digits as ISO 4217 gives it, and none of it is lost', () =>
    fc.assert(
      fc.property(currency, fc.integer({ min: -largestAmount, max: largestAmount }), (code, amount) => {
        for (const text of [
          decimalText({ amount, currency: code }) ?? '',
          moneyText({ amount, currency: code }),
          moneyInEnglish({ amount, currency: code }),
        ]) {
          expect([digitsOf(text), behindPoint(text), text.includes('-')]).toEqual([
            Math.abs(amount),
            minorUnits.get(code),
            amount < 0,
          ]);
        }
      }),
      { numRuns: 1_000 },
    ));

  it.each([
    ['EUR', 3998, '39.98 EUR', '€39.98'],
    ['JPY', 500, '500 JPY', '¥500'],
    ['HUF', 123_456, '1234.56 HUF', 'HUF\u00a01,234.56'],
    ['IDR', 5, '0.05 IDR', 'IDR\u00a00.05'],
    ['BHD', -1, '-0.001 BHD', '-BHD\u00a00.001'],
    ['IQD', 1_500, '1.500 IQD', 'IQD\u00a01.500'],
    ['CLF', 12_345, '1.2345 CLF', 'CLF\u00a01.2345'],
    ['EUR', largestAmount, '1000000000.00 EUR', '€1,000,000,000.00'],
  ])('of %s: %i is %s', (code, amount, text, english) => {
    expect([moneyText({ amount, currency: code }), moneyInEnglish({ amount, currency: code })]).toEqual([
      text,
      english,
    ]);
  });

  it('of a currency that nobody knows is told in its minor units', () => {
    expect([moneyText({ amount: 7, currency: 'XXX' }), moneyInEnglish({ amount: 7, currency: 'QQQ' })]).toEqual([
      '7 minor units of XXX',
      '7 minor units of QQQ',
    ]);
  });
});

it('a currency is listed once, by its code', () => {
  expect([...minorUnits.keys()].filter((code) => !/^[A-Z]{3}$/.test(code))).toEqual([]);
  expect(new Set(minorUnits.values())).toEqual(new Set([0, 2, 3, 4]));
  expect(minorUnits.size).toBe(165);
});
