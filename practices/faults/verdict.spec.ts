import { describe, expect, it } from 'vitest';
import { soundEvidence } from '../checker/evidence.fixture.ts';
import { sumUp, type Outcome } from './verdict.ts';

const hit = { what: 'kill -9 orders-1', atMs: 1_200, inFlight: { requests: 1, sagas: 2, outbox: 0 }, effective: true };
const round = (differently: Partial<Outcome> = {}) =>
  sumUp({
    seed: 1,
    evidence: soundEvidence(),
    accidents: [hit],
    findings: [],
    earlier: 0,
    moving: undefined,
    ...differently,
  });

describe('a run', () => {
  it('held when every invariant did and every accident hit', () => {
    expect(round()).toMatchObject({
      verdict: 'held',
      violations: [],
      doubts: [],
      figures: { commands: 2, acknowledged: 2, accidents: 1, 'attempts without an answer': 2 },
    });
  });

  it('is violated by one violation, and by what this fault must not do', () => {
    const evidence = soundEvidence();
    evidence.awaited.push('paid');
    expect(round({ evidence })).toMatchObject({ verdict: 'violated', violations: [{ invariant: 'I6' }] });
    expect(round({ findings: [{ figures: { kept: 3 }, broken: ['a request failed'] }] })).toMatchObject({
      verdict: 'violated',
      broken: ['a request failed'],
      figures: { kept: 3 },
    });
  });

  it.each([
    ['an accident hit nobody', { accidents: [hit, { ...hit, effective: false }] }, 'hit nobody'],
    ['nothing was done', { accidents: [] }, 'nothing was done to the shop'],
    ['no order arrived', { earlier: 2 }, 'no order arrived'],
    ['the shop did not come to rest', { moving: 'orders: 3 outbox' }, 'did not come to rest: orders: 3 outbox'],
  ])('cannot tell when %s', (_what, differently, doubt) => {
    const { verdict, doubts } = round(differently);
    expect(verdict).toBe('cannot tell');
    expect(doubts).toEqual([expect.stringContaining(doubt)]);
  });

  it('is judged violated rather than doubtful: what is broken is told first', () => {
    const evidence = soundEvidence();
    evidence.awaited.push('paid');
    expect(round({ evidence, accidents: [] }).verdict).toBe('violated');
  });
});
