import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOf, judge, type Quota } from './quota.ts';

const ten: Quota = { name: 'ten', limit: 10, seconds: 1 };
const two: Quota = { name: 'two', limit: 2, seconds: 1 };
const whose = 'me';

describe('a quota', () => {
  it('gives all at once to whoever owes nothing', () => {
    expect(judge([{ quota: ten, whose }], [0])).toEqual({
      allowed: true,
      standings: [{ quota: ten, remaining: 9, resetMs: 100, retryMs: 0 }],
    });
  });

  it('refuses what is too much, and says when one more is earned', () => {
    expect(judge([{ quota: ten, whose }], [950_000])).toEqual({
      allowed: false,
      standings: [{ quota: ten, remaining: 0, resetMs: 950, retryMs: 50 }],
    });
  });

  it('that is used up lets nothing count against the others', () => {
    const { allowed, standings } = judge(
      [
        { quota: ten, whose },
        { quota: two, whose },
      ],
      [0, 1_000_000],
    );
    expect([allowed, standings.map(({ remaining, retryMs }) => [remaining, retryMs])]).toEqual([
      false,
      [
        [10, 0],
        [0, 500],
      ],
    ]);
  });

  it('never takes more than itself and what is earned meanwhile, whenever requests come', () => {
    const quota = fc.record({ limit: fc.integer({ min: 1, max: 50 }), seconds: fc.integer({ min: 1, max: 60 }) });
    fc.assert(
      fc.property(
        quota,
        fc.array(fc.integer({ min: 0, max: 2_000_000 }), { maxLength: 300 }),
        ({ limit, seconds }, pauses) => {
          const claims = [{ quota: { name: 'any', limit, seconds }, whose }];
          let [now, freeAt, taken] = [0, 0, 0];
          for (const pause of pauses) {
            now += pause;
            const debt = Math.max(0, freeAt - now);
            if (!judge(claims, [debt]).allowed) continue;
            [freeAt, taken] = [now + debt + costOf(claims[0]!.quota), taken + 1];
          }
          expect(taken).toBeLessThanOrEqual(limit + Math.ceil(now / costOf(claims[0]!.quota)));
        },
      ),
    );
  });
});
