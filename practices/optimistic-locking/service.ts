import { EventStore, handleCommand, PostgresOutbox, VersionConflict, type Process } from '@shop/eventing';
import { serve, takePart } from '../lab/part.ts';
import { LastWriterWins } from './last-writer-wins.ts';

interface AmountSet {
  readonly type: 'AmountSet';
  readonly amount: number;
}

/** One of two instances of a service that keeps amounts. It reads, decides what the amount becomes, and writes that. */
const { variant, database } = takePart();
const store = new (variant === 'version check' ? EventStore : LastWriterWins)(database, new PostgresOutbox());

const amounts: Process<number, undefined, AmountSet> = {
  decider: {
    initial: 0,
    decide: (amount) => [{ type: 'AmountSet', amount: amount + 1 }],
    evolve: (_, { amount }) => amount,
  },
  announce: () => [],
  patience: () => undefined,
};

serve<{ key: string }>(
  async ({ key }) => {
    await added(key);
    return { done: true };
  },
  () => Promise.resolve(),
);

/** Adds one. Whoever loses against all others eight times in a row begins anew, as a client would that is told so. */
async function added(key: string): Promise<void> {
  for (;;) {
    try {
      await handleCommand(store, amounts, key, undefined, { at: new Date().toISOString() });
      return;
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
    }
  }
}
