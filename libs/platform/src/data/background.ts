import { context, createContextKey } from '@opentelemetry/api';

const backgroundKey = createContextKey('shop background');

/**
 * Runs `work` as something no caller waits for, such as the handling of a message: all of it together has half of a
 * database's connections.
 */
export function inBackground<T>(work: () => Promise<T>): Promise<T> {
  return context.with(context.active().setValue(backgroundKey, true), work);
}

/** Whether the work at hand is such. */
export const isInBackground = (): boolean => context.active().getValue(backgroundKey) === true;

/**
 * `work`, to be run later in the context of now, as one that has its turn: what it asks for in turn waits for no second
 * one.
 */
export const havingItsTurn = <T>(work: () => Promise<T>): (() => Promise<T>) =>
  context.bind(context.active().deleteValue(backgroundKey), work);
