import { kafkaClients, type KafkaClient } from '@shop/eventing';
import { NOISE, spread, type Bench, type Measured, type Setting, type Spread } from '../../lab/bench.ts';
import { Child } from '../../lab/child.ts';
import { newTopic } from '../../lab/topic.ts';
import type { Cost, Task } from './client.ts';

const LOADS = {
  full: { rounds: 4, messages: 60_000, warmUp: 5_000, perSecond: 500, seconds: 8 },
  quick: { rounds: 1, messages: 40_000, warmUp: 1_000, perSecond: 500, seconds: 2 },
} as const;
type Load = (typeof LOADS)['full' | 'quick'];
const PARTITIONS = 12;

/** What is compared; of each, less is better, or more. */
const figures = [
  { name: 'produced a second', of: ({ produce }: Round) => produce.perSecond },
  { name: 'CPU µs per message produced', of: ({ produce }: Round) => produce.cpuMicros },
  { name: 'consumed a second', of: ({ consume }: Round) => consume.perSecond },
  { name: 'CPU µs per message consumed', of: ({ consume }: Round) => consume.cpuMicros },
  { name: 'p50 ms, 500 a second', of: ({ pace }: Round) => pace.p50Ms ?? NaN },
  { name: 'p99 ms, 500 a second', of: ({ pace }: Round) => pace.p99Ms ?? NaN },
  { name: 'CPU µs per message through both, 500 a second', of: ({ pace }: Round) => pace.cpuMicros },
  { name: 'RSS MiB at the end', of: ({ pace }: Round) => pace.rssMiB },
] as const;

type Round = Readonly<Record<Task['do'], Cost>>;
type Rounds = Readonly<Record<KafkaClient, Round[]>>;

interface Comparison {
  readonly figure: string;
  readonly clients: Readonly<Record<KafkaClient, Spread>>;
  /** kafkajs by platformatic, inside each round. */
  readonly ratio: Spread;
  readonly tooNoisy: boolean;
}

/**
 * Both clients through our own adapters, in a process of their own each round, in turn: platformatic, kafkajs,
 * platformatic, kafkajs …
 */
export const bench: Bench = {
  title: 'Two Kafka clients: produce, consume, and latency at a steady 500 a second',
  need: ['postgres', 'kafka'],
  async measure(setting: Setting): Promise<Measured> {
    const load = LOADS[setting.quick ? 'quick' : 'full'];
    const rounds: Rounds = { platformatic: [], kafkajs: [] };
    for (let round = 1; round <= load.rounds; round++) {
      for (const client of kafkaClients) {
        rounds[client].push(await oneRound(setting, client, load));
        setting.say(`round ${round} of ${load.rounds}: ${client} is through`);
      }
    }
    const compared = figures.map(({ name, of }) => compare(name, of, rounds));
    const table = tableOf(compared);
    return {
      figures: { load, compared, rounds },
      lines: table,
      doubts: doubtsOf(rounds, load),
      pages: { 'docs/adr/0005-kafka-client.md': table.join('\n') },
    };
  },
};

async function oneRound(
  { servers }: Setting,
  client: KafkaClient,
  { messages, warmUp, perSecond, seconds }: Load,
): Promise<Round> {
  const brokers = servers.kafka?.brokers ?? '';
  const [cold, bulk, paced] = [
    await newTopic(brokers, PARTITIONS),
    await newTopic(brokers, PARTITIONS),
    await newTopic(brokers, PARTITIONS),
  ];
  const child = await Child.start(new URL('client.ts', import.meta.url), { CLIENT: client, KAFKA_BROKERS: brokers });
  const perform = (task: Task) => child.ask<Cost>(task);
  try {
    await perform({ do: 'produce', topic: cold, messages: warmUp });
    await perform({ do: 'consume', topic: cold, messages: warmUp });
    return {
      produce: await perform({ do: 'produce', topic: bulk, messages }),
      consume: await perform({ do: 'consume', topic: bulk, messages }),
      pace: await perform({ do: 'pace', topic: paced, perSecond, seconds }),
    };
  } finally {
    await child.stop();
  }
}

function compare(figure: string, of: (round: Round) => number, rounds: Rounds): Comparison {
  const [ours, theirs] = [rounds.platformatic.map(of), rounds.kafkajs.map(of)];
  const ratio = spread(theirs.map((value, round) => value / (ours[round] ?? NaN)));
  return {
    figure,
    clients: { platformatic: spread(ours), kafkajs: spread(theirs) },
    ratio,
    tooNoisy: ratio.max / ratio.min > NOISE,
  };
}

/** Counts are what make a figure worth something. */
function doubtsOf(rounds: Rounds, { messages, perSecond, seconds }: Load): string[] {
  return kafkaClients.flatMap((client) =>
    rounds[client].flatMap(({ consume, pace }, round) => [
      ...(consume.messages === messages
        ? []
        : [`round ${round + 1}: ${client} consumed ${consume.messages} of ${messages}`]),
      ...(pace.messages === perSecond * seconds
        ? []
        : [`round ${round + 1}: ${client} saw ${pace.messages} of ${perSecond * seconds} paced messages`]),
    ]),
  );
}

function tableOf(compared: readonly Comparison[]): string[] {
  const text = ({ median, min, max }: Spread) =>
    `${median.toLocaleString('en')} (${min.toLocaleString('en')} – ${max.toLocaleString('en')})`;
  const rows = compared.map(({ figure, clients, ratio, tooNoisy }) => {
    const told = tooNoisy ? `too noisy: ${ratio.min} – ${ratio.max}` : `${ratio.median} ×`;
    return `| ${figure} | ${text(clients.platformatic)} | ${text(clients.kafkajs)} | ${told} |`;
  });
  return [
    '| median (least – most) of the rounds | `@platformatic/kafka` | `kafkajs` | kafkajs by platformatic |',
    '|---|---|---|---|',
    ...rows,
  ];
}
