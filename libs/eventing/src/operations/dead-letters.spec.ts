import { describe, expect, it } from 'vitest';
import { replayWindowDays } from '../inbox.ts';
import { letter, refusal } from './dead-letters.ts';

const now = Date.parse('2026-06-30T12:00:00Z');
const died = (daysAgo: number, headers: Record<string, string> = { 'dead-letter-topic': 'catalog.commands' }) => {
  const at = new Date(now - daysAgo * 86_400_000).toISOString();
  return letter('catalog.stock', {
    at: 'catalog.stock.dead-letters:0:1',
    key: 'k',
    value: '{}',
    headers: { 'dead-letter-at': at, ...headers },
  });
};

describe('a dead letter', () => {
  it('is sent again within its window', () => expect(refusal(died(replayWindowDays - 1), now)).toBeUndefined());

  it('is not sent again once inboxes may have forgotten it, and says what to do instead', () => {
    expect(refusal(died(replayWindowDays + 1), now)).toContain('parked release');
    expect(refusal(died(1, { 'dead-letter-topic': 'catalog.commands', 'dead-letter-at': 'long ago' }), now)).toContain(
      'parked release',
    );
  });

  it('is not sent to nowhere', () => expect(refusal(died(1, {}), now)).toContain('where it came from'));
});
