import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetterTopic, orderConfirmed } from '@shop/contracts';
import { event, seal } from '@shop/eventing';
import { findingsOf, type Fact } from '../checker/findings.ts';
import { isReadToTheEnd } from '../checker/topic-reader.ts';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom, popular, spread } from '../lab/seed.ts';
import { tables, UNKNOWN_CURRENCY } from './points.ts';

interface DeadLetterLoad extends Load {
  readonly messages: number;
  readonly customers: number;
  readonly poison: number;
}

interface Message extends Fact {
  readonly poison: boolean;
  readonly value: string;
}

const { topic } = orderConfirmed;
const group = 'orders.list';
const deadLetters = deadLetterTopic(group);
const DRAINED_WITHIN_MS = 60_000;

/**
 * Some messages can never be handled, until somebody removes the cause. What becomes of them, and of all the others?
 */
export const experiment: Experiment<DeadLetterLoad> = {
  title: 'Dead letters and parked keys',
  harm: 'messages held up by another key’s poison, lost or overtaken',
  variants: [
    { name: 'Nest', practice: false, what: 'Nest’s Kafka transport as it is: what fails is tried again' },
    { name: 'Nest, dead letters', practice: false, what: 'with its filter: twice, then to the dead-letter topic' },
    { name: 'dead letters, parked keys', practice: true, what: 'to the dead-letter topic at once, and its key waits' },
  ],
  load: {
    full: { seed: 20, messages: 3_000, customers: 200, poison: 5 },
    quick: { seed: 20, messages: 200, customers: 20, poison: 2 },
  },
  tables,
  topics: [topic, deadLetters],

  async round(bench, { name, practice }, load) {
    const messages = plan(load);
    const bus = bench.bus();
    const publish = (chosen: readonly Message[]) =>
      bus.publish(chosen.map(({ key, value }) => ({ topic, key, value })));
    const [reader, service] = await Promise.all([
      bench.reader(deadLetters),
      bench.start(import.meta.resolve('./service.ts'), name),
      publish(messages),
    ]);
    if (await isThrough(bench)) await reader.settled(load.poison, bench.patienceMs);
    const [before, met] = await Promise.all([effects(bench), deliveries(bench)]);

    // The cause is gone: dead letters are sent again, and parked keys released, as `npm run events` does it.
    await bench.query('INSERT INTO rates (currency, points) VALUES ($1, 1)', [UNKNOWN_CURRENCY]);
    const dead = reader.seen.length;
    await publish(messages.filter((message) => reader.seen.some((letter) => nameOf(letter) === nameOf(message))));
    if (practice) await bench.query(`UPDATE parked_keys SET kind = 'transient', next_attempt_at = now()`);
    const drained = await isReadToTheEnd(bench.admin, bench.named(group), bench.named(topic), DRAINED_WITHIN_MS);
    await standstill(bench, messages.length);

    const had = new Set(before.map(nameOf));
    const missing = messages.filter((message) => !message.poison && !had.has(nameOf(message)));
    const held = missing.filter((message) => !isBehindPoison(message, messages));
    const found = findingsOf(messages, await effects(bench));
    return {
      harm: held.length + found.lost + found.inverted,
      figures: {
        messages: messages.length,
        poison: load.poison,
        'deliveries of poison': messages
          .filter(({ poison }) => poison)
          .reduce((sum, message) => sum + (met.get(nameOf(message)) ?? 0), 0),
        'dead letters': dead,
        'held up': held.length,
        'waited behind their own': missing.length - held.length,
        lost: found.lost,
        overtaken: found.inverted,
      },
      cases: [...held.slice(0, 3).map((message) => `held up ${nameOf(message)}`), ...found.cases],
      doubts: [
        ...bench.doubts(service),
        ...(drained
          ? []
          : [
              `the topic was not read to its end within ${DRAINED_WITHIN_MS / 1000} s, though nothing stood in the way any more`,
            ]),
        ...(found.invented === 0 ? [] : [`${found.invented} effects of messages that were never sent`]),
      ],
    };
  },
};

/**
 * Orders of popular and less popular customers; the poison among them is as well-formed as any, one of a customer at
 * most.
 */
function plan({ seed, messages, customers, poison }: DeadLetterLoad): Message[] {
  const next = numbersFrom(seed);
  const customer = popular(next, keysFrom(next, customers));
  const places = new Set(spread(next, poison, messages));
  const sequences = new Map<string, number>();
  const sick = new Set<string>();
  return keysFrom(next, messages).map((id, number) => {
    const isPoison = places.has(number);
    let key = customer();
    while (isPoison && sick.has(key)) key = customer();
    if (isPoison) sick.add(key);
    const sequence = (sequences.get(key) ?? 0) + 1;
    sequences.set(key, sequence);
    const currency = isPoison ? UNKNOWN_CURRENCY : 'EUR';
    const { payload } = seal(
      event(orderConfirmed, { key, sequence, data: { orderId: id, customerId: key, total: 10, currency } }),
      undefined,
      id,
    );
    return { key, sequence, value: payload, poison: isPoison };
  });
}

const nameOf = ({ key, sequence }: Fact) => `${key} #${sequence}`;

/** Whether poison of its own key comes before it: then nobody expects its effect while the cause is there. */
const isBehindPoison = ({ key, sequence }: Fact, messages: readonly Message[]) =>
  messages.some((one) => one.poison && one.key === key && one.sequence < sequence);

const effects = (bench: Bench) =>
  bench.query<{ key: string; sequence: number }>('SELECT key, sequence FROM credits ORDER BY n');

/** How often each message was given to the handler. */
async function deliveries(bench: Bench): Promise<Map<string, number>> {
  const rows = await bench.query<Fact & { times: number }>(
    'SELECT key, sequence, count(*)::int AS times FROM deliveries GROUP BY key, sequence',
  );
  return new Map(rows.map((row) => [nameOf(row), row.times]));
}

/**
 * Resolves with true when the group has acknowledged everything, with false when nothing new has had an effect for the
 * bench's patience.
 */
async function isThrough(bench: Bench): Promise<boolean> {
  const read = isReadToTheEnd(bench.admin, bench.named(group), bench.named(topic), DRAINED_WITHIN_MS);
  return Promise.race([read, standstill(bench).then(() => false)]);
}

/** Resolves when so many effects are there, or none has come for the bench's patience. */
async function standstill(bench: Bench, count = Infinity): Promise<void> {
  let [there, since] = [0, performance.now()];
  while (there < count && performance.now() - since < bench.patienceMs) {
    const { length } = await effects(bench);
    if (length > there) [there, since] = [length, performance.now()];
    await sleep(50);
  }
}
