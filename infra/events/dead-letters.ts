import { setTimeout as sleep } from 'node:timers/promises';
import { cloudEvent, deadLetterTopic, topics, type ConsumerName } from '@shop/contracts';
import { browse, busTraits, idOf, replayWindowDays, type MessageBus } from '@shop/eventing';
import { settingsOf, type BusEnvironment } from '../bus.ts';
import { Obstacle } from '../state.ts';
import { readTopic, type Lying } from '../topic-reader.ts';
import { audited, operator } from './audit.ts';
import { asConsumer, consumerNames, inDatabase, serviceOf, type Filter, type OperatedShop, type Sql } from './operated-shop.ts';

/** A message that its consumer could not handle and never would. */
export interface DeadLetter extends Lying {
  readonly consumer: ConsumerName;
  readonly messageId: string;
  /** Its type, where it can be read at all. */
  readonly type: string | undefined;
  /** The topic it came from; undefined when that cannot be told. */
  readonly topic: string | undefined;
  readonly reason: string;
  readonly diedAt: string;
  /** Its effect is there by now: a replay or a release has been successful. */
  readonly handled: boolean;
}

/** The dead letters that are meant, oldest first. */
export async function deadLetters(shop: OperatedShop, filter: Filter): Promise<DeadLetter[]> {
  const asked = filter.consumer ? [filter.consumer] : consumerNames;
  const found = await Promise.all(asked.map((consumer) => ofConsumer(shop, consumer, filter)));
  return found.flat().sort((a, b) => a.diedAt.localeCompare(b.diedAt));
}

/** The one at `consumer.dead-letters:partition:offset`. */
export async function deadLetterAt(shop: OperatedShop, at: string): Promise<DeadLetter> {
  const [, name] = /^(.+)\.dead-letters:\d+:[\w-]+$/.exec(at) ?? [];
  if (!name) throw new Obstacle(`"${at}" is no dead letter: "dead-letters list" names them as <consumer>.dead-letters:<partition>:<offset>.`);
  const letter = (await ofConsumer(shop, asConsumer(name), {})).find((each) => each.at === at);
  if (!letter) throw new Obstacle(`There is no dead letter at ${at}.`);
  return letter;
}

async function ofConsumer(shop: OperatedShop, consumer: ConsumerName, filter: Filter): Promise<DeadLetter[]> {
  const letters = (await lyingOn(shop, deadLetterTopic(consumer))).map((lying) => letter(consumer, lying)).filter((each) => isMeant(each, filter));
  if (letters.length === 0) return [];
  const handled = await inDatabase(shop, serviceOf(consumer), (sql) => handledOf(sql, consumer, letters.map(({ messageId }) => messageId)));
  return letters.map((each) => ({ ...each, handled: handled.has(each.messageId) }));
}

async function lyingOn({ bus, brokers }: OperatedShop, topic: string): Promise<Lying[]> {
  if (bus?.BUS === 'rabbitmq' || bus?.BUS === 'sqs') return lyingInQueue(bus, topic);
  if (brokers === undefined) throw new Obstacle('This shop runs without Kafka (--lite): it keeps no dead letters, only parked keys.');
  try {
    return await readTopic(brokers, topic);
  } catch (error) {
    throw new Obstacle(`${topic} cannot be read: Kafka at ${brokers} says ${(error as Error).message}`);
  }
}

async function lyingInQueue(bus: BusEnvironment, topic: string): Promise<Lying[]> {
  try {
    return (await browse(settingsOf(bus), topic)).map(({ id, ...message }) => ({ ...message, at: id }));
  } catch (error) {
    throw new Obstacle(`${topic} cannot be read: ${busTraits[bus.BUS].title} says ${(error as Error).message}`);
  }
}

async function handledOf(sql: Sql, consumer: ConsumerName, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }>('SELECT message_id AS id FROM inbox WHERE consumer = $1 AND message_id = ANY($2)', [consumer, ids]);
  return new Set(rows.map(({ id }) => id));
}

/** What its headers and its value say. */
export function letter(consumer: ConsumerName, lying: Lying): DeadLetter {
  const { headers, value } = lying;
  const from = headers['dead-letter-from'] ?? '';
  const topic = headers['dead-letter-topic'] ?? from.split(':')[0] ?? '';
  return {
    ...lying,
    consumer,
    messageId: idOf({ id: from || lying.at, topic, key: lying.key, value, headers }),
    type: typeOf(value),
    topic: topic in topics ? topic : undefined,
    reason: headers['dead-letter-reason'] ?? 'no reason given',
    diedAt: headers['dead-letter-at'] ?? '',
    handled: false,
  };
}

function typeOf(value: string | undefined): string | undefined {
  try {
    return cloudEvent.pick({ type: true }).parse(JSON.parse(value ?? '')).type;
  } catch {
    return undefined;
  }
}

export const isMeant = (letter: DeadLetter, { consumer, key, reason }: Filter) =>
  (consumer === undefined || letter.consumer === consumer) &&
  (key === undefined || letter.key === key) &&
  (reason === undefined || letter.reason.toLowerCase().includes(reason.toLowerCase()));

/**
 * Why a letter is not sent again; undefined when it may be. One that is too old might have a second effect: the groups that handled it when it
 * was new have forgotten so. It still waits behind its key where it is missing.
 */
export function refusal({ topic, value, diedAt }: DeadLetter, now = Date.now()): string | undefined {
  if (topic === undefined || value === undefined) return 'it does not say where it came from';
  if (now - Date.parse(diedAt) <= replayWindowDays * 86_400_000) return undefined;
  return `it did not die within the last ${replayWindowDays} days, and who has handled it may not know so any more: use "parked release"`;
}

export interface Replay {
  /** Messages a second at most. */
  readonly rate: number;
  readonly bus: MessageBus;
  /** Told of each letter as it is done. */
  readonly done: (letter: DeadLetter, outcome: string) => void;
}

/**
 * Sends letters again to the topics they came from, with their own keys and values. Whoever has handled one already answers so by its
 * inbox; for the consumer that buried it this is looked up before anything is sent.
 */
export async function replay(shop: OperatedShop, letters: readonly DeadLetter[], { rate, bus, done }: Replay): Promise<void> {
  const again = new Map(letters.map((each) => [`${each.consumer} ${each.messageId}`, each]));
  for (const [consumer, own] of Map.groupBy(again.values(), (each) => each.consumer)) {
    await inDatabase(shop, serviceOf(consumer), async (sql) => {
      for (const each of own) {
        const { key, messageId, at: deadLetter } = each;
        done(each, await audited(sql, { action: 'replay', consumer, key, messageId, deadLetter }, () => replayOne(sql, each, bus)));
        await sleep(1_000 / rate);
      }
    });
  }
}

async function replayOne(sql: Sql, letter: DeadLetter, bus: MessageBus): Promise<string> {
  const { consumer, key, value, headers, topic, messageId, at } = letter;
  if ((await handledOf(sql, consumer, [messageId])).size > 0) return 'already handled';
  const refused = refusal(letter);
  if (refused !== undefined || topic === undefined || value === undefined) return `not sent: ${refused}`;
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('dead-letter-')));
  await bus.publish([{ topic, value, ...(key !== undefined && { key }), headers: { ...own, 'replay-of': at, 'replay-by': operator() } }]);
  const [parked] = await sql('SELECT 1 FROM parked_keys WHERE consumer = $1 AND key = $2', [consumer, key]);
  return parked ? `sent to ${topic}; it waits at its place until its key is released` : `sent to ${topic}`;
}
