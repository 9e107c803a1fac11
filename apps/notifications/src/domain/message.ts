import type { CancellationReason } from '@shop/contracts';
import { moneyInEnglish } from '@shop/kernel';
import { escape } from './html.ts';

/** What a message says, as it is kept. Amounts in minor units. */
export type Message = { readonly channel: 'mail'; readonly orderId: string } & (
  | { readonly kind: 'order-confirmed'; readonly payload: { readonly total: number; readonly currency: string } }
  | {
      readonly kind: 'order-cancelled';
      readonly payload: { readonly total: number; readonly currency: string; readonly reason: CancellationReason };
    }
);

/** A mail that is ready to go, apart from whom it goes to. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const reasons: Record<CancellationReason, string> = {
  'out-of-stock': 'something you ordered is sold out',
  'payment-declined': 'your card was declined',
  customer: 'you cancelled it',
  'timed-out': 'it could not be completed in time',
};

/**
 * Puts a message into words, as plain text and as HTML that says the same. The customer chose their name, so it stands
 * behind a label and never in a sentence of ours.
 */
export function compose(message: Message, recipient: string): Mail {
  const { subject, sentence, ending } = words(message);
  const { total, currency } = message.payload;
  const facts = [
    ['Order', message.orderId],
    ['Total', moneyInEnglish({ amount: total, currency })],
    ['Customer', recipient],
  ] as const;
  const text = ['Hello,', sentence, facts.map(([name, value]) => `${name}: ${value}`).join('\n'), ending].join('\n\n');
  const rows = facts.map(
    ([name, value]) => `<tr><td style="padding-right:1em">${name}</td><td><strong>${escape(value)}</strong></td></tr>`,
  );
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(subject)}</title></head>
<body style="font-family:sans-serif;line-height:1.5">
<p>Hello,</p>
<p>${escape(sentence)}</p>
<table>${rows.join('')}</table>
<p>${escape(ending)}</p>
</body></html>`;
  return { subject, text: `${text}\n`, html };
}

function words(message: Message): { subject: string; sentence: string; ending: string } {
  switch (message.kind) {
    case 'order-confirmed':
      return {
        subject: 'Your order is confirmed',
        sentence: 'Thank you: your order is confirmed.',
        ending: 'It is on its way to you soon.',
      };
    case 'order-cancelled':
      return {
        subject: 'Your order was cancelled',
        sentence: `Your order was cancelled, because ${reasons[message.payload.reason]}.`,
        ending: 'No money was taken.',
      };
  }
}
