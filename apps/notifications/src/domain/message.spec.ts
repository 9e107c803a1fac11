import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, waitAfter } from './attempts.ts';
import { compose, type Message } from './message.ts';

const orderId = '01900000-0000-7000-8000-000000000001';
const confirmed: Message = {
  channel: 'mail',
  kind: 'order-confirmed',
  orderId,
  payload: { total: 3998, currency: 'EUR' },
};
const cancelled: Message = {
  channel: 'mail',
  kind: 'order-cancelled',
  orderId,
  payload: { total: 3998, currency: 'EUR', reason: 'payment-declined' },
};

describe('the mail about an order', () => {
  it('names the order and its total, in text and in HTML', () => {
    const { subject, text, html } = compose(confirmed, 'Ada');
    expect(subject).toBe('Your order is confirmed');
    for (const part of [orderId, '€39.98', 'Ada']) {
      expect(text).toContain(part);
      expect(html).toContain(part);
    }
  });

  it('says why an order was cancelled', () => {
    expect(compose(cancelled, 'Ada').text).toContain('because your card was declined.');
  });

  it.each([
    ['HUF', '1,234.56'],
    ['IDR', '1,234.56'],
    ['COP', '1,234.56'],
    ['IQD', '123.456'],
    ['CLP', '123,456'],
  ])('names a total in %s with the digits of ISO 4217, whatever Intl would show', (currency, shown) => {
    const { text, html } = compose({ ...confirmed, payload: { total: 123_456, currency } }, 'Ada');
    for (const said of [text, html])
      expect(said).toMatch(new RegExp(`(?<![\\d,.])${shown.replaceAll('.', '\\.')}(?![\\d.])`));
  });

  it('knows that a yen has no cents', () => {
    expect(compose({ ...confirmed, payload: { total: 500, currency: 'JPY' } }, 'Ada').text).toContain('¥500');
  });

  it('says a name behind a label, and in no sentence of ours', () => {
    const { subject, text, html } = compose(confirmed, 'Your card was stolen');
    expect([subject, text.match(/.*stolen.*/g), html.match(/.*stolen.*/g)]).toEqual([
      subject,
      ['Customer: Your card was stolen'],
      [expect.stringMatching(/<td[^>]*>Customer<\/td><td><strong>Your card was stolen<\/strong>/)],
    ]);
  });

  it('shows no name as markup', () =>
    fc.assert(
      fc.property(fc.string(), (name) => {
        const { html } = compose(confirmed, `<b>${name}</b>`);
        expect(html.match(/<b>/)).toBeNull();
      }),
    ));
});

describe('waiting after a failed attempt', () => {
  it('grows, stays within its cap, and ends', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_ATTEMPTS - 1 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, chance) => {
          const wait = waitAfter(attempt, chance) ?? 0;
          expect(wait).toBeGreaterThanOrEqual(500);
          expect(wait).toBeLessThanOrEqual(15 * 60_000);
          expect(waitAfter(attempt + 1, chance) ?? Infinity).toBeGreaterThanOrEqual(wait);
        },
      ),
    ));

  it('lasts four days at least, as RFC 5321 asks for: a mail server that is away for a night costs no mail', () => {
    const all = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, n) => waitAfter(n + 1, 0.5) ?? 0);
    expect(all.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(4 * 86_400_000);
  });

  it('gives up after the last', () => expect(waitAfter(MAX_ATTEMPTS, 0.5)).toBeUndefined());
});
