import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaClients, openKafka, type KafkaClient } from '@shop/eventing';
import { spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { Child } from '../../lab/child.ts';
import { log, newTopic } from '../../lab/topic.ts';

const PARTITIONS = 12;
/** Longer than any takeover should take: what is not read by then is a doubt. */
const PATIENCE_MS = 60_000;

/** How a member dies: `again` is how long after its restart the new one is killed as well, while it joins. */
const deaths = [
  { name: 'killed, started again at once', again: [] },
  { name: 'killed, and its successor while it joins (0.5 s after its start)', again: [500] },
  { name: 'killed, and its successor while it joins (3 s after its start)', again: [3_000] },
] as const;

interface Gap {
  readonly death: string;
  readonly seconds: number[];
}

/**
 * Two members of one group; one is killed by SIGKILL. How long from the (last) kill until every partition is read
 * again?
 */
export const bench: Bench = {
  title: 'A group member is killed: how long until every partition is read again',
  need: ['postgres', 'kafka'],
  async measure({ servers, quick, say }: Setting): Promise<Measured> {
    const doubts: string[] = [];
    const gaps: Record<KafkaClient, Gap[]> = { platformatic: [], kafkajs: [] };
    for (const client of kafkaClients) {
      const group = await Group.start(client, servers.kafka?.brokers ?? '');
      try {
        for (const { name, again } of deaths) {
          const seconds: number[] = [];
          for (let round = 0; round < (quick ? 1 : 3); round++) seconds.push(await group.loseOne(again));
          gaps[client].push({ death: name, seconds });
          say(`${client}, ${name}: ${seconds.join(', ')} s`);
          if (seconds.some((each) => each * 1_000 >= PATIENCE_MS))
            doubts.push(`${client}, ${name}: a partition was not read within ${PATIENCE_MS / 1_000} s`);
        }
      } finally {
        await group.stop();
      }
    }
    const lines = kafkaClients.flatMap((client) =>
      gaps[client].map(({ death, seconds }) => `${client.padEnd(13)} ${death}: ${text(spread(seconds))}`),
    );
    return { figures: { gaps, patienceSeconds: PATIENCE_MS / 1_000 }, lines, doubts };
  },
};

const text = ({ median, min, max }: { median: number; min: number; max: number }) => `${median} s (${min} – ${max})`;

/** Two members, and somebody who writes to every partition all the time. */
class Group {
  /** When the newest message was written that has been read, by partition. */
  readonly #read = new Map<number, number>();
  readonly #members: Child[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  static async start(client: KafkaClient, brokers: string): Promise<Group> {
    const topic = await newTopic(brokers, PARTITIONS);
    const group = new Group({ CLIENT: client, KAFKA_BROKERS: brokers, GROUP: randomUUID(), TOPIC: topic });
    group.#writing = group.#write(brokers, topic);
    for (let n = 0; n < 2; n++) group.#members.push(await group.#member());
    await group.#allReadSince(Date.now());
    return group;
  }

  /**
   * Kills one member, starts another, kills that after so many ms, and so on. Seconds from the last kill until all
   * partitions are read.
   */
  async loseOne(again: readonly number[]): Promise<number> {
    await this.#members.shift()?.kill();
    let killedAt = Date.now();
    for (const ms of again) {
      const successor = await this.#member();
      await sleep(ms);
      await successor.kill();
      killedAt = Date.now();
    }
    this.#members.push(await this.#member());
    await this.#allReadSince(killedAt);
    const seconds = Math.round((Date.now() - killedAt) / 100) / 10;
    // The group comes to rest, so that the next kill hits one that is.
    await sleep(3_000);
    return seconds;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
    await Promise.all(this.#members.map((member) => member.stop()));
  }

  #member(): Promise<Child> {
    return Child.start(new URL('member.ts', import.meta.url), this.#env, (said) => {
      const { partition, sent } = said as { partition: number; sent: number };
      this.#read.set(partition, Math.max(sent, this.#read.get(partition) ?? 0));
    });
  }

  async #allReadSince(at: number): Promise<void> {
    for (const until = at + PATIENCE_MS; Date.now() < until; await sleep(20)) {
      if (this.#read.size === PARTITIONS && [...this.#read.values()].every((sent) => sent > at)) return;
    }
  }

  /** Enough keys that every partition has some. */
  async #write(brokers: string, topic: string): Promise<void> {
    const bus = await openKafka('platformatic', { brokers: brokers.split(','), clientId: 'bench', log });
    while (!this.#stopping.signal.aborted) {
      await bus
        .publish(Array.from({ length: 100 }, (_, n) => ({ topic, key: `key-${n}`, value: String(Date.now()) })))
        .catch(() => {});
      await sleep(100);
    }
    await bus.close();
  }
}
