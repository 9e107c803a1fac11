import type { ConsumerName } from '@shop/contracts';
import {
  consumerAt,
  deadLetterAt,
  deadLetters,
  DeadLetterTopics,
  openBus,
  planOf,
  replay,
  type DeadLetter,
  type Filter,
} from '@shop/eventing';
import { Obstacle } from '../state.ts';
import { asConsumer, consumerNames, filterOf, nothingMore, type Command } from './arguments.ts';
import { busOf, inDatabase, line, operator, serviceOf, table, type OperatedShop } from './operated-shop.ts';

export const listDeadLetters: Command = async (options, rest, { shop, say }) => {
  nothingMore(rest);
  const letters = await lettersOf(shop(), filterOf(options));
  if (letters.length === 0) say('There are no such dead letters.');
  else for (const row of table(['at', 'key', 'type', 'died', 'since then', 'reason'], letters.map(rowOf))) say(row);
  return 0;
};

export const showDeadLetter: Command = async (_, [at, ...rest], { shop, say }) => {
  nothingMore(rest);
  if (at === undefined) throw new Obstacle('Which one? "dead-letters list" says where each lies.');
  const name = asConsumer(consumerAt(at));
  const { consumer, key, headers, value, handled } = await inDatabase(shop(), serviceOf(name), (database) =>
    deadLetterAt(database, topicsOf(shop()), [name], at),
  );
  say(`${at}, of ${consumer}, key ${key ?? '–'}${handled ? ', handled since' : ''}`);
  for (const [header, text] of Object.entries(headers)) say(`  ${header}: ${text}`);
  say(pretty(value ?? '(no value)'));
  return 0;
};

export const replayDeadLetters: Command = async (options, rest, { shop, say }) => {
  nothingMore(rest);
  const rate = Number(options.rate ?? 10);
  if (!(rate > 0 && rate <= 1_000))
    throw new Obstacle(`--rate is a number of messages a second, up to 1000, not "${options.rate}".`);
  if (options.yes && options['dry-run']) throw new Obstacle('Either --dry-run or --yes.');
  const running = shop();
  const letters = await lettersOf(running, filterOf(options));
  if (letters.length === 0) throw new Obstacle('There are no such dead letters.');
  const told = (letter: DeadLetter, outcome: string) => say(`${letter.at}  ${letter.key ?? '–'}  ${outcome}`);
  if (!options.yes) {
    for (const letter of letters) told(letter, planOf(letter));
    say('Nothing was sent. To do it: the same with --yes.');
    return 0;
  }
  let unsent = 0;
  await replayAll(running, letters, rate, (letter, outcome) => {
    told(letter, outcome);
    if (outcome.startsWith('not sent')) unsent++;
  });
  return unsent > 0 ? 1 : 0;
};

async function replayAll(
  shop: OperatedShop,
  letters: readonly DeadLetter[],
  rate: number,
  done: (letter: DeadLetter, outcome: string) => void,
): Promise<void> {
  const quiet = () => {};
  const bus = await openBus(busOf(shop), { clientId: 'operator', log: { info: quiet, warn: quiet, error: quiet } });
  try {
    for (const [service, own] of Map.groupBy(letters, ({ consumer }) => serviceOf(consumer))) {
      await inDatabase(shop, service, (database) => replay(database, own, { operator: operator(), rate, bus, done }));
    }
  } finally {
    await bus.close();
  }
}

const topicsOf = (shop: OperatedShop) => new DeadLetterTopics(busOf(shop));

async function lettersOf(shop: OperatedShop, filter: Filter): Promise<DeadLetter[]> {
  const of = (consumer: ConsumerName) =>
    inDatabase(shop, serviceOf(consumer), (database) => deadLetters(database, topicsOf(shop), [consumer], filter));
  const found = await Promise.all((filter.consumer ? [filter.consumer] : consumerNames).map(of));
  return found.flat().sort((a, b) => a.diedAt.localeCompare(b.diedAt));
}

const rowOf = ({ at, key, type, diedAt, handled, reason }: DeadLetter) => [
  at,
  key ?? '–',
  type ?? '–',
  diedAt,
  handled ? 'handled' : '–',
  line(reason),
];

function pretty(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), undefined, 2);
  } catch {
    return value;
  }
}
