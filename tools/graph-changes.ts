import { buildSchema, findBreakingChanges, findDangerousChanges } from 'graphql';

/**
 * What clients of the committed schema would notice of the new one, a sentence each. A value more in an enum counts,
 * too: clients that switch over it have no case for it.
 */
export function graphChanges(committed: string, wanted: string): string[] {
  const [before, after] = [buildSchema(committed), buildSchema(wanted)];
  const grown = findDangerousChanges(before, after).filter(
    ({ type }) => type === 'VALUE_ADDED_TO_ENUM' || type === 'ARG_DEFAULT_VALUE_CHANGE',
  );
  return [...findBreakingChanges(before, after), ...grown].map(({ description }) => `graph: ${description}`);
}
