import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

const spendable = (budget: RetryBudget, most = 1_000) =>
  Array.from({ length: most }, () => budget.spend()).filter(Boolean).length;

describe('a retry budget', () => {
  it('lets a quiet service retry, as often as its reserve says', () => {
    expect(spendable(new RetryBudget({ reserve: 3 }))).toBe(3);
  });

  it('is earned by first attempts, one in ten', () => {
    const budget = new RetryBudget({ ratio: 0.1, reserve: 10 });
    spendable(budget);
    for (let n = 0; n < 50; n++) budget.earn();
    expect(spendable(budget)).toBe(5);
  });

  it('does not save up for an outage more than its reserve', () => {
    const budget = new RetryBudget({ ratio: 0.1, reserve: 10 });
    for (let n = 0; n < 100_000; n++) budget.earn();
    expect(spendable(budget)).toBe(10);
  });

  it('holds in a storm: whoever asks again after each failure makes a tenth more, and the reserve', () => {
    const budget = new RetryBudget({ ratio: 0.1, reserve: 10 });
    let retries = 0;
    for (let n = 0; n < 1_000; n++) {
      budget.earn();
      if (budget.spend()) retries++;
    }
    expect(retries).toBe(109);
  });
});
