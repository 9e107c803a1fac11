import { deepStrictEqual, throws } from 'node:assert';
import { fold, type Decider } from './decider.ts';
import { DomainError } from './domain-error.ts';

/**
 * The sentence every rule is tested with: `given(...events).when(command).then(...events)` or `.fails(code)`.
 * Bound to one decider: `const { given } = specFor(order)`.
 */
export function specFor<State, Command, Event>(decider: Decider<State, Command, Event>) {
  return {
    given: (...history: Event[]) => ({
      when: (command: Command) => ({
        then: (...expected: Event[]) => deepStrictEqual(decider.decide(fold(decider, history), command), expected),
        fails: (code: string) =>
          throws(
            () => decider.decide(fold(decider, history), command),
            (error) => error instanceof DomainError && error.code === code,
          ),
      }),
    }),
  };
}
