import { GraphQLScalarType } from 'graphql';

/** Both only ever leave us: what comes in is never a time or an amount. */
const outgoing = <T>(name: string, description: string, serialize: (value: T) => T) =>
  new GraphQLScalarType<T, T>({ name, description, serialize: (value) => serialize(value as T) });

export const DateTime = outgoing<string>('DateTime', 'ISO 8601, UTC.', (value) => value);

/** `Int` ends at 2³¹ − 1, and orders do not. */
export const Amount = outgoing<number>(
  'Amount',
  'An integer number of minor units (cents): never a fraction, never negative, below 2⁵³.',
  (value) => value,
);
