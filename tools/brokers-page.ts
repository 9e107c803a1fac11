import { busTraits } from '@shop/eventing';

/** In what the buses differ, as a page: made of what the contract suite holds each of them to. */
export function brokersPage(): string {
  const buses = Object.values(busTraits);
  const row = (what: string, say: (traits: (typeof buses)[number]) => string) =>
    `| ${[what, ...buses.map(say)].join(' | ')} |`;
  const yes = (value: boolean, otherwise: string) => (value ? 'yes' : otherwise);
  return [
    '# What each broker promises, and what it cannot',
    'Made from `libs/eventing/src/bus-traits.ts` by `npm run generate`. What every one of them promises is the contract suite',
    '(`libs/eventing/src/message-bus.contract.ts`): at least once, in order within a key also while instances come and go, acknowledged only after',
    'the effect, a poison message holds up nobody but its key, what cannot be published is named. Why Kafka is the default: [ADR 13](adr/0013-other-brokers.md).',
    '',
    row('', ({ title }) => title),
    `|---|${buses.map(() => '---').join('|')}|`,
    row('largest message', ({ maxBytes }) =>
      maxBytes === undefined ? 'no limit' : `${maxBytes.toLocaleString('en')} bytes`,
    ),
    row('a new group hears what was said before it came', ({ keepsForLateGroups }) =>
      yes(keepsForLateGroups, '**no**: its queue has to be there first'),
    ),
    row('what failed comes again', ({ failedComesAgain }) =>
      failedComesAgain ? 'soon, to whoever is next' : '**only** when its reader goes away',
    ),
    row('a topic that nobody made is refused', ({ refusesUnknownTopics }) => yes(refusesUnknownTopics, '**no**')),
    row('instances of a group side by side', ({ sideBySide }) => sideBySide),
    row('keys of a killed instance wait', ({ takeover }) => takeover),
    row('kept', ({ retention }) => retention),
    row('dead letters', ({ deadLetters }) => deadLetters),
    row('price', ({ price }) => price),
    '',
  ].join('\n');
}
