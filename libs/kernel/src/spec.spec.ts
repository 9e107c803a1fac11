import { describe, expect, it } from 'vitest';
import { fold, type Decider } from './decider.ts';
import { DomainError } from './domain-error.ts';
import { specFor } from './spec.ts';

/** A door: the smallest decider with a rule. */
const door: Decider<'open' | 'shut', 'open' | 'shut', 'opened' | 'shut'> = {
  initial: 'shut',
  decide(state, command) {
    if (command === 'open' && state === 'open') throw new DomainError('conflict', 'door-is-open', 'It is open.');
    return [command === 'open' ? 'opened' : 'shut'];
  },
  evolve: (_, event) => (event === 'opened' ? 'open' : 'shut'),
};
const { given } = specFor(door);

describe('the sentence every rule is tested with', () => {
  it('passes when it is true', () => {
    given().when('open').then('opened');
    given('opened').when('open').fails('door-is-open');
  });

  it('fails when the outcome is another', () => {
    expect(() => given().when('open').then('shut')).toThrow();
    expect(() => given().when('open').then()).toThrow();
  });

  it('fails when nothing is refused, or for another reason', () => {
    expect(() => given().when('open').fails('door-is-open')).toThrow();
    expect(() => given('opened').when('open').fails('door-is-stuck')).toThrow();
  });
});

describe('a fold', () => {
  it('goes through events from the oldest, from the beginning or from a state in between', () => {
    expect(fold(door, ['opened', 'shut', 'opened'])).toBe('open');
    expect(fold(door, ['shut'], 'open')).toBe('shut');
    expect(fold(door, [])).toBe('shut');
  });
});
