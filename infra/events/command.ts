import { parseArgs } from 'node:util';
import { messages } from '@shop/contracts';
import { openBus } from '@shop/eventing';
import type { Compared } from '@shop/orders';
import { settingsOf } from '../bus.ts';
import { runningShop } from '../running.ts';
import { Obstacle } from '../state.ts';
import { deadLetterAt, deadLetters, refusal, replay, type DeadLetter } from './dead-letters.ts';
import { eventsOf, orderAt, withoutToken, type Moment } from './history.ts';
import { asConsumer, asKey, messagingServices, table, type Filter, type OperatedShop } from './operated-shop.ts';
import { outboxStatus, summary } from './outbox-status.ts';
import { parkedKeys, release } from './parked.ts';
import { agrees, checkOrders, rebuildOrders } from './projections.ts';

const usage = `npm run events -- <command>     for whoever operates the shop that runs here

  parked list [--consumer c] [--key k] [--reason text]
      keys whose messages wait because one of them could not be handled
  parked release --consumer c [--key k] [--reason text] [--skip-dead]
      works them off now, in order, also poison once its cause is gone; --skip-dead goes on without the poison message itself
  dead-letters list [--consumer c] [--key k] [--reason text]
      messages that could never be handled
  dead-letters show <consumer>.dead-letters:<partition>:<offset>
      one of them, whole
  dead-letters replay [--consumer c] [--key k] [--reason text] [--rate 10] [--yes]
      says what it would send again to the topics they came from; with --yes it does, so many a second at most
  outbox status
      for each service: messages that wait to be published, how long, by shard; who publishes them; what the broker refused
  projection check orders
      whether the list of orders is what the orders' events make it, each at a recorded version: both hashes
  projection rebuild orders
      makes it anew from the events, in place, while orders flow and are listed; then checks
  history <order> [--version n | --at 2026-01-31T12:00:00Z]
      the order as it is, or as it was then

Releases, replays and rebuilds are written down in the table operator_actions of the service's database. Exit code 1: it did not come out as asked.
`;

/** Where a command finds the shop, and says what it has to say. */
export interface Surroundings {
  readonly shop: () => OperatedShop;
  readonly say: (line: string) => void;
  /** How long a release or a check waits for the consumer, in ms. */
  readonly patience?: number;
}

type Options = ReturnType<typeof parse>['values'];
type Command = (options: Options, rest: string[], surroundings: Surroundings) => Promise<number>;

const commands: Record<string, Command> = {
  'parked list': listParked,
  'parked release': releaseParked,
  'dead-letters list': listDeadLetters,
  'dead-letters show': showDeadLetter,
  'dead-letters replay': replayDeadLetters,
  'outbox status': showOutbox,
  'projection check': checkProjection,
  'projection rebuild': rebuildProjection,
  history: showHistory,
};

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = { consumer: text, key: text, reason: text, rate: text, version: text, at: text, yes: flag, 'dry-run': flag, 'skip-dead': flag, help: flag };
  return parseArgs({ args, allowPositionals: true, options });
}

const here: Surroundings = { shop: runningShop, say: (line) => void process.stdout.write(`${line}\n`) };

/** `npm run events`. Returns the exit code; throws an Obstacle for what cannot be done. */
export async function eventsCommand(args: string[], surroundings = here): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help || positionals.length === 0) {
    surroundings.say(usage);
    return values.help ? 0 : 1;
  }
  const name = Object.keys(commands).find((each) => positionals.slice(0, each.split(' ').length).join(' ') === each);
  const command = name === undefined ? undefined : commands[name];
  if (!name || !command) throw new Obstacle(`There is no command "${positionals.join(' ')}": ${Object.keys(commands).join(', ')}. See --help.`);
  return command(values, positionals.slice(name.split(' ').length), surroundings);
}

function filterOf({ consumer, key, reason }: Options): Filter {
  return { consumer: consumer === undefined ? undefined : asConsumer(consumer), key: key === undefined ? undefined : asKey(key), reason };
}

function nothingMore(rest: string[]): void {
  if (rest.length > 0) throw new Obstacle(`What is "${rest.join(' ')}" to mean here? See --help.`);
}

async function listParked(options: Options, rest: string[], { shop, say }: Surroundings): Promise<number> {
  nothingMore(rest);
  const keys = await parkedKeys(shop(), filterOf(options));
  if (keys.length === 0) say('No key is parked.');
  else {
    const rows = keys.map(({ parkedAt, reason, ...of }) => [of.consumer, of.key, of.kind, of.attempts, of.waiting, parkedAt.toISOString(), line(reason)]);
    for (const row of table(['consumer', 'key', 'kind', 'attempts', 'waiting', 'since', 'reason'], rows)) say(row);
  }
  return 0;
}

async function releaseParked(options: Options, rest: string[], { shop, say, patience }: Surroundings): Promise<number> {
  nothingMore(rest);
  const { consumer, ...filter } = filterOf(options);
  if (!consumer) throw new Obstacle('Whose keys? Name the consumer: parked release --consumer catalog.stock [--key …].');
  const released = await release(shop(), { ...filter, consumer, skipDead: options['skip-dead'], ...(patience !== undefined && { patience }) });
  for (const { key, outcome } of released) say(`${consumer} ${key}: ${line(outcome)}`);
  return released.every(({ flows }) => flows) ? 0 : 1;
}

async function listDeadLetters(options: Options, rest: string[], { shop, say }: Surroundings): Promise<number> {
  nothingMore(rest);
  const letters = await deadLetters(shop(), filterOf(options));
  if (letters.length === 0) say('There are no such dead letters.');
  else for (const row of table(['at', 'key', 'type', 'died', 'since then', 'reason'], letters.map(rowOf))) say(row);
  return 0;
}

const rowOf = ({ at, key, type, diedAt, handled, reason }: DeadLetter) => [at, key ?? '–', type ?? '–', diedAt, handled ? 'handled' : '–', line(reason)];

async function showDeadLetter(_: Options, [at, ...rest]: string[], { shop, say }: Surroundings): Promise<number> {
  nothingMore(rest);
  if (at === undefined) throw new Obstacle('Which one? "dead-letters list" says where each lies.');
  const { consumer, key, headers, value, handled } = await deadLetterAt(shop(), at);
  say(`${at}, of ${consumer}, key ${key ?? '–'}${handled ? ', handled since' : ''}`);
  for (const [name, text] of Object.entries(headers)) say(`  ${name}: ${text}`);
  say(pretty(value ?? '(no value)'));
  return 0;
}

async function replayDeadLetters(options: Options, rest: string[], { shop, say }: Surroundings): Promise<number> {
  nothingMore(rest);
  const rate = Number(options.rate ?? 10);
  if (!(rate > 0 && rate <= 1_000)) throw new Obstacle(`--rate is a number of messages a second, up to 1000, not "${options.rate}".`);
  if (options.yes && options['dry-run']) throw new Obstacle('Either --dry-run or --yes.');
  const [running, filter] = [shop(), filterOf(options)];
  const letters = await deadLetters(running, filter);
  if (letters.length === 0) throw new Obstacle('There are no such dead letters.');
  const told = (letter: DeadLetter, outcome: string) => say(`${letter.at}  ${letter.key ?? '–'}  ${outcome}`);
  if (!options.yes) {
    const plan = (letter: DeadLetter, refused = refusal(letter)) => (refused === undefined ? `would be sent to ${letter.topic}` : `would not be sent: ${refused}`);
    for (const letter of letters) told(letter, letter.handled ? 'already handled' : plan(letter));
    say('Nothing was sent. To do it: the same with --yes.');
    return 0;
  }
  let unsent = 0;
  const quiet = () => {};
  const settings = settingsOf(running.bus ?? { BUS: 'kafka', KAFKA_BROKERS: running.brokers ?? '' });
  const bus = await openBus(settings, { clientId: 'operator', log: { info: quiet, warn: quiet, error: quiet } });
  const done = (letter: DeadLetter, outcome: string) => {
    told(letter, outcome);
    if (outcome.startsWith('not sent')) unsent++;
  };
  await replay(running, letters, { rate, bus, done }).finally(() => bus.close());
  return unsent > 0 ? 1 : 0;
}

async function showOutbox(_: Options, rest: string[], { shop, say }: Surroundings): Promise<number> {
  nothingMore(rest);
  const senders = messagingServices.filter((service) => [...messages.values()].some(({ source }) => source === `/${service}`));
  for (const service of senders) {
    const status = await outboxStatus(shop(), service);
    say(summary(status));
    const busy = status.shards.filter(({ depth, owner }) => depth > 0 || owner === undefined);
    if (busy.length > 0) {
      const rows = busy.map(({ shard, depth, oldest, owner }) => ['', shard, depth, `${oldest.toFixed(1)} s`, owner ?? 'nobody']);
      for (const row of table(['', 'shard', 'waiting', 'oldest', 'owner'], rows)) say(row);
    }
    for (const { topic, key, reason, rejectedAt } of status.rejected) say(`  rejected ${rejectedAt.toISOString()} ${topic} ${key}: ${line(reason)}`);
  }
  return 0;
}

function asProjection([name, ...rest]: string[]): void {
  nothingMore(rest);
  if (name !== 'orders') throw new Obstacle(`Which projection? There is one: orders${name === undefined ? '' : `, and no "${name}"`}.`);
}

async function checkProjection(_: Options, rest: string[], { shop, say, patience }: Surroundings): Promise<number> {
  asProjection(rest);
  return sayCompared(await checkOrders(shop(), patience), say);
}

async function rebuildProjection(_: Options, rest: string[], { shop, say, patience }: Surroundings): Promise<number> {
  asProjection(rest);
  const { mended, compared } = await rebuildOrders(shop(), patience);
  const { orders, events, seconds, wrong, behind, differences } = mended;
  say(`${orders} orders folded from ${events} events in ${seconds.toFixed(1)} s (${Math.round(events / seconds)} a second): ${wrong} rows were wrong, ${behind} behind`);
  for (const { id, what } of differences) say(`  ${id}  ${line(what)}`);
  return sayCompared(compared, say);
}

function sayCompared(compared: Compared, say: (line: string) => void): number {
  const { orders, events, wrong, differences, projection, folded } = compared;
  say(`projection  sha256 ${projection}`);
  say(`events      sha256 ${folded}`);
  if (agrees(compared)) say(`The same, for ${orders} orders and ${events} events.`);
  else say(`They differ: ${wrong} of ${orders} rows are not what the events make them.`);
  for (const { id, what } of differences) say(`  ${id}  ${line(what)}`);
  return agrees(compared) ? 0 : 1;
}

async function showHistory({ version, at }: Options, [orderId, ...rest]: string[], { shop, say }: Surroundings): Promise<number> {
  nothingMore(rest);
  if (orderId === undefined) throw new Obstacle('Which order? history <order> [--version n | --at time].');
  const moment = momentOf(version, at);
  const then = orderAt(await eventsOf(shop(), orderId), moment);
  for (const { version, recordedAt, event } of then.happened) {
    const { type, ...data } = withoutToken(event) as { type: string };
    say(`${String(version).padStart(3)}  ${recordedAt.toISOString()}  ${type}  ${JSON.stringify(data)}`);
  }
  say(`\nAs of version ${then.version}:\n${JSON.stringify(withoutToken(then.state), undefined, 2)}`);
  return 0;
}

function momentOf(version: string | undefined, at: string | undefined): Moment {
  if (version !== undefined && at !== undefined) throw new Obstacle('Either --version or --at.');
  if (version !== undefined) {
    if (!/^\d{1,9}$/.test(version)) throw new Obstacle(`--version is a number, not "${version}".`);
    return { version: Number(version) };
  }
  if (at === undefined) return undefined;
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) throw new Obstacle(`--at is a time such as 2026-01-31T12:00:00Z, not "${at}".`);
  return { at: time };
}

/** One line, however long the story. */
const line = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 160);

function pretty(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), undefined, 2);
  } catch {
    return value;
  }
}
