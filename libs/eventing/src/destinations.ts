import { Unpublishable, type MessageBus, type PublishOptions } from './bus.ts';
import type { OutboxMessage } from './relay.ts';

/** A message that the broker will never take, and why. */
export interface Refused<M extends OutboxMessage> {
  readonly message: M;
  readonly reason: string;
}

/** A message that has to wait, and the destination that its key waits for. */
export interface Held<M extends OutboxMessage> {
  readonly message: M;
  readonly behind: string;
}

/** What became of a batch: whatever is neither refused nor held is on the bus. */
export interface Outcome<M extends OutboxMessage> {
  readonly refused: readonly Refused<M>[];
  readonly held: readonly Held<M>[];
  /** Destinations that did not take what they were given, and why. */
  readonly failed: ReadonlyMap<string, Error>;
  /** Destinations that did. */
  readonly took: ReadonlySet<string>;
}

interface Addressed<M extends OutboxMessage> {
  readonly message: M;
  readonly destination: string;
}

/** So many destinations are tried at once, at most: each has connections of its own. */
const SIDE_BY_SIDE = 16;

/**
 * Publishes each destination's messages by themselves, side by side and by connections of their own, in the order of
 * each key: a key goes on only when the broker has its earlier messages. A destination that fails, or says nothing for
 * `patienceMs`, holds back its keys and no others.
 */
export async function publishApart<M extends OutboxMessage>(
  bus: MessageBus,
  messages: readonly M[],
  patienceMs: number,
): Promise<Outcome<M>> {
  const outcome = {
    refused: [] as Refused<M>[],
    held: [] as Held<M>[],
    failed: new Map<string, Error>(),
    took: new Set<string>(),
  };
  const behind = new Map<string, string>();
  for (let left = await addressed(bus, messages); left.length > 0; ) {
    const { round, rest } = nextRound(left);
    const groups = [...Map.groupBy(round, ({ destination }) => destination)];
    const results = await sideBySide(groups, ([destination, group]) =>
      publishWithin(
        patienceMs,
        bus,
        group.map(({ message }) => message),
        destination,
      ),
    );
    for (const [n, result] of results.entries()) {
      const [destination, group] = groups[n] as (typeof groups)[number];
      if (result instanceof Error) {
        outcome.failed.set(destination, result);
        for (const { message } of group) behind.set(message.key, destination);
        outcome.held.push(...group.map(({ message }) => ({ message, behind: destination })));
      } else {
        outcome.took.add(destination);
        outcome.refused.push(...result);
      }
    }
    outcome.held.push(...rest.flatMap(({ message }) => heldBy(message, behind.get(message.key))));
    left = rest.filter(({ message }) => !behind.has(message.key));
  }
  return outcome;
}

/**
 * Parts a batch into what may go and what waits behind a key of `behind`; a message for a destination of `down` makes
 * its key wait.
 */
export async function divide<M extends OutboxMessage>(
  bus: MessageBus,
  messages: readonly M[],
  behind: Map<string, string>,
  down: (destination: string) => boolean,
) {
  const [free, held]: [M[], Held<M>[]] = [[], []];
  for (const { message, destination } of await addressed(bus, messages)) {
    const waitsFor = behind.get(message.key) ?? (down(destination) ? destination : undefined);
    if (waitsFor === undefined) free.push(message);
    else {
      behind.set(message.key, waitsFor);
      held.push({ message, behind: waitsFor });
    }
  }
  return { free, held };
}

async function addressed<M extends OutboxMessage>(bus: MessageBus, messages: readonly M[]): Promise<Addressed<M>[]> {
  const destinations = await bus.destinationsOf(messages.map(asSent));
  return messages.map((message, n) => ({ message, destination: destinations[n] ?? message.topic }));
}

const heldBy = <M extends OutboxMessage>(message: M, behind: string | undefined): Held<M>[] =>
  behind === undefined ? [] : [{ message, behind }];

/** Of each key the messages up to the first that goes elsewhere. */
function nextRound<M extends OutboxMessage>(
  all: readonly Addressed<M>[],
): { round: Addressed<M>[]; rest: Addressed<M>[] } {
  const [round, rest, first]: [Addressed<M>[], Addressed<M>[], Map<string, string>] = [[], [], new Map()];
  for (const one of all) {
    const { key } = one.message;
    if (!first.has(key)) first.set(key, one.destination);
    // Once a key has turned elsewhere, nothing equals its destination any more.
    if (first.get(key) === one.destination) round.push(one);
    else {
      first.set(key, '');
      rest.push(one);
    }
  }
  return { round, rest };
}

/** All of them, a bounded number at a time; results in their order. */
async function sideBySide<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const [results, waiting]: [R[], IterableIterator<[number, T]>] = [[], all.entries()];
  const worker = async () => {
    for (const [n, one] of waiting) results[n] = await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, all.length) }, worker));
  return results;
}

/**
 * Gives a destination's messages up when they are not answered in time: nothing that is published later may wait behind
 * them.
 */
async function publishWithin<M extends OutboxMessage>(
  ms: number,
  bus: MessageBus,
  messages: readonly M[],
  lane: string,
): Promise<Refused<M>[] | Error> {
  const giveUp = new AbortController();
  const result = await within(ms, publishGroup(bus, messages, { lane, givenUp: giveUp.signal }));
  if (result instanceof Silent) giveUp.abort();
  return result;
}

/** Finds what the broker will never take by halving, in order. */
async function publishGroup<M extends OutboxMessage>(
  bus: MessageBus,
  messages: readonly M[],
  options: PublishOptions,
): Promise<Refused<M>[]> {
  try {
    await bus.publish(messages.map(asSent), options);
    return [];
  } catch (error) {
    const [message] = messages;
    if (!(error instanceof Unpublishable) || message === undefined) throw error;
    // The reason only: an error may hold the whole batch, and there may be many.
    if (messages.length === 1) return [{ message, reason: error.message }];
    const middle = Math.ceil(messages.length / 2);
    return [
      ...(await publishGroup(bus, messages.slice(0, middle), options)),
      ...(await publishGroup(bus, messages.slice(middle), options)),
    ];
  }
}

export const asSent = ({ topic, key, payload }: OutboxMessage) => ({ topic, key, value: payload });

/** What `work` came to, its failure, or that it took longer than `ms`; it goes on then, and nobody waits for it. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | Error> {
  const late = Promise.withResolvers<Error>();
  const timer = ms === Infinity ? undefined : setTimeout(() => late.resolve(new Silent(ms)), ms);
  try {
    return await Promise.race([
      work.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error)))),
      late.promise,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** No answer, neither good nor bad. */
export class Silent extends Error {
  override readonly name = 'Silent';

  constructor(ms: number) {
    super(`no answer for ${ms} ms`);
  }
}
