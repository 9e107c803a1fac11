import { setTimeout as sleep } from 'node:timers/promises';
import { cloudEvent, deadLetterTopic, topics, type ConsumerName } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';
import type { MessageBus } from '../bus.ts';
import { replayWindowDays } from '../inbox.ts';
import type { Lying } from '../kafka/read-topic.ts';
import { idOf } from '../read-message.ts';
import { audited } from './audit.ts';
import type { DeadLetterTopics } from './dead-letter-topics.ts';
import type { Filter } from './parked-keys.ts';

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

/** The dead letters of one service's consumers that are meant, oldest first. */
export async function deadLetters(
  database: Database,
  topics: DeadLetterTopics,
  consumers: readonly ConsumerName[],
  filter: Filter,
): Promise<DeadLetter[]> {
  const found = await Promise.all(consumers.map((consumer) => ofConsumer(database, topics, consumer, filter)));
  return found.flat().sort((a, b) => a.diedAt.localeCompare(b.diedAt));
}

/** Whose dead letter lies at `consumer.dead-letters:partition:offset`. Throws `invalid` for what is no such place. */
export function consumerAt(at: string): string {
  const [, name] = /^(.+)\.dead-letters:\d+:[\w-]+$/.exec(at) ?? [];
  if (name) return name;
  throw new DomainError(
    'invalid',
    'no-dead-letter',
    `"${at}" is no dead letter: they are named <consumer>.dead-letters:<partition>:<offset>, as their list does.`,
  );
}

/** The one at a place. Throws `not-found`, also when it is not of these consumers. */
export async function deadLetterAt(
  database: Database,
  topics: DeadLetterTopics,
  consumers: readonly ConsumerName[],
  at: string,
): Promise<DeadLetter> {
  const name = consumerAt(at);
  const letters = await deadLetters(
    database,
    topics,
    consumers.filter((each) => each === name),
    {},
  );
  const letter = letters.find((each) => each.at === at);
  if (!letter) throw new DomainError('not-found', 'no-such-dead-letter', `There is no dead letter at ${at}.`);
  return letter;
}

async function ofConsumer(
  database: Database,
  topics: DeadLetterTopics,
  consumer: ConsumerName,
  filter: Filter,
): Promise<DeadLetter[]> {
  const letters = (await topics.read(deadLetterTopic(consumer)))
    .map((lying) => letter(consumer, lying))
    .filter((each) => isMeant(each, filter));
  if (letters.length === 0) return [];
  const handled = await handledOf(
    database,
    consumer,
    letters.map(({ messageId }) => messageId),
  );
  return letters.map((each) => ({ ...each, handled: handled.has(each.messageId) }));
}

async function handledOf(database: Database, consumer: ConsumerName, ids: readonly string[]): Promise<Set<string>> {
  const rows = await database.query<{ id: string }>(
    'SELECT message_id AS id FROM inbox WHERE consumer = $1 AND message_id = ANY($2)',
    [consumer, ids],
  );
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
 * Why a letter is not sent again; undefined when it may be. One that is too old might have a second effect: the groups
 * that handled it when it was new have forgotten so. It still waits behind its key where it is missing.
 */
export function refusal({ topic, value, diedAt }: DeadLetter, now = Date.now()): string | undefined {
  if (topic === undefined || value === undefined) return 'it does not say where it came from';
  if (now - Date.parse(diedAt) <= replayWindowDays * 86_400_000) return undefined;
  return `it did not die within the last ${replayWindowDays} days, and who has handled it may not know so any more: use "parked release"`;
}

/** What a replay would do with it. */
export function planOf(letter: DeadLetter): string {
  if (letter.handled) return 'already handled';
  const refused = refusal(letter);
  return refused === undefined ? `would be sent to ${letter.topic}` : `would not be sent: ${refused}`;
}

export interface Replay {
  readonly operator: string;
  /** Messages a second at most. */
  readonly rate: number;
  readonly bus: MessageBus;
  /** Told of each letter as it is done. */
  readonly done?: (letter: DeadLetter, outcome: string) => void;
  /** Ends it before the next letter. */
  readonly signal?: AbortSignal;
}

/**
 * Sends letters of one service's consumers again to the topics they came from, with their own keys and values. Whoever
 * has handled one already answers so by its inbox; for the consumer that buried it this is looked up before anything is
 * sent.
 */
export async function replay(
  database: Database,
  letters: readonly DeadLetter[],
  { operator, rate, bus, done, signal }: Replay,
): Promise<void> {
  const again = new Map(letters.map((each) => [`${each.consumer} ${each.messageId}`, each]));
  for (const each of again.values()) {
    signal?.throwIfAborted();
    const { consumer, key, messageId, at: deadLetter } = each;
    const outcome = await audited(database, { operator, action: 'replay', consumer, key, messageId, deadLetter }, () =>
      replayOne(database, each, bus, operator),
    );
    done?.(each, outcome);
    await sleep(1_000 / rate, undefined, { signal });
  }
}

async function replayOne(database: Database, letter: DeadLetter, bus: MessageBus, operator: string): Promise<string> {
  const { consumer, key, value, headers, topic, messageId, at } = letter;
  if ((await handledOf(database, consumer, [messageId])).size > 0) return 'already handled';
  const refused = refusal(letter);
  if (refused !== undefined || topic === undefined || value === undefined) return `not sent: ${refused}`;
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('dead-letter-')));
  await bus.publish([
    { topic, value, ...(key !== undefined && { key }), headers: { ...own, 'replay-of': at, 'replay-by': operator } },
  ]);
  const [parked] = await database.query('SELECT 1 FROM parked_keys WHERE consumer = $1 AND key = $2', [consumer, key]);
  return parked ? `sent to ${topic}; it waits at its place until its key is released` : `sent to ${topic}`;
}
