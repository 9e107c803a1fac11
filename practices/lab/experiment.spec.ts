import { describe, expect, it } from 'vitest';
import { verdictOf, type Round } from './experiment.ts';

const round = (practice: boolean, harm: number, doubts: string[] = []): Parameters<typeof verdictOf>[0][number] => ({
  variant: { name: practice ? 'with' : 'without', practice, what: '' },
  round: { harm, figures: {}, doubts } satisfies Round,
});

describe('the verdict', () => {
  it('is that the effect is shown when every naive variant did harm and the practice none', () => {
    expect(verdictOf([round(false, 3), round(false, 1), round(true, 0)])).toBe('shown');
  });

  it('is that the effect is gone when a naive variant did no harm', () => {
    expect(verdictOf([round(false, 3), round(false, 0), round(true, 0)])).toBe('gone');
  });

  it('is that the practice is broken when it did harm, however much worse the others were', () => {
    expect(verdictOf([round(false, 300), round(true, 1)])).toBe('broken');
  });

  it('is none when any round shows nothing, whatever the counts say', () => {
    expect(verdictOf([round(false, 3, ['no kill landed']), round(true, 0)])).toBe('cannot tell');
    expect(verdictOf([round(false, 3), round(true, 0, ['half of the load never arrived'])])).toBe('cannot tell');
  });

  it('is none of a single variant', () => expect(verdictOf([round(true, 0)])).toBe('cannot tell'));
});
