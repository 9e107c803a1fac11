import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KafkaBus, type MessageBus } from '@shop/eventing';
import type { Servers } from '@shop/infra/servers';
import { migrate } from '@shop/platform';
import type { Admin } from 'kafkajs';
import pg from 'pg';
import { clientOf, makeTopics } from '../checker/kafka.ts';
import { TopicReader } from '../checker/topic-reader.ts';
import { NamespacedBus } from './namespaced-bus.ts';
import { log } from './part.ts';
import { Victim } from './victim.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface BenchOptions {
  readonly servers: Servers;
  /** Starts the names of the round's database, topics and groups. */
  readonly namespace: string;
  readonly tables: string;
  readonly topics: readonly string[];
  /** How long nothing has to happen until what is missing counts as lost. */
  readonly patienceMs: number;
}

const PARTITIONS = 4;

/** What one variant runs on: a database, topics, processes and a kill schedule of its own, on real servers. */
export class Bench {
  readonly #options: BenchOptions;
  readonly #folder: string;
  readonly #pool: pg.Pool;
  readonly #closing: (() => Promise<unknown>)[] = [];
  readonly #armed: string[] = [];
  readonly databaseUrl: string;
  readonly brokers: string;
  /** One Redis for all rounds: what a round keeps there begins with its `named('')`. */
  readonly redisUrl: string;
  readonly admin: Admin;

  private constructor(options: BenchOptions) {
    this.#options = options;
    const { servers, namespace } = options;
    this.#folder = mkdtempSync(join(servers.state.folder, `${namespace}-`));
    mkdirSync(this.#failPoints);
    const url = new URL(servers.postgres.adminUrl);
    url.pathname = `/${namespace}`;
    this.databaseUrl = url.href;
    this.brokers = servers.kafka?.brokers ?? '';
    this.redisUrl = servers.redis?.url ?? '';
    this.#pool = new pg.Pool({ connectionString: this.databaseUrl, max: 4, connectionTimeoutMillis: 10_000 });
    this.#pool.on('error', () => undefined);
    // One that is in somebody's hands has no listener of the pool's, and dies with the database.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.admin = clientOf(this.brokers).admin();
  }

  static async open(options: BenchOptions): Promise<Bench> {
    const bench = new Bench(options);
    try {
      await Promise.all([bench.#makeDatabase(), bench.#makeTopics()]);
    } catch (error) {
      await bench.close();
      throw error;
    }
    return bench;
  }

  get patienceMs(): number {
    return this.#options.patienceMs;
  }

  /** The name that a topic, or a group, of the product has on the broker in this round. */
  named(name: string): string {
    return `${this.#options.namespace}.${name}`;
  }

  async query<T extends object>(sql: string, values?: unknown[]): Promise<T[]> {
    return (await this.#pool.query<T>(sql, values)).rows;
  }

  /** Plans one kill for each of these fail-points. */
  arm(...failPoints: string[]): void {
    for (const name of failPoints) writeFileSync(join(this.#failPoints, name), '');
    this.#armed.push(...failPoints);
  }

  /** What would make the round worthless: kills that were planned and did not land, deaths that nobody planned. */
  doubts(...victims: Victim[]): string[] {
    const left = readdirSync(this.#failPoints);
    const kills = victims.reduce((sum, victim) => sum + victim.kills, 0);
    return [
      ...left.map((name) => `nobody was killed at ${name}`),
      ...(kills === this.#armed.length
        ? []
        : [`${this.#armed.length} kills were planned, ${kills} processes were killed`]),
      ...victims.flatMap((victim) => victim.accidents.map((accident) => `${accident}: see ${this.#logs}`)),
    ];
  }

  /** Starts a process of this round; it is restarted whenever it is killed, and ends with the round. */
  async start(main: string, variant: string): Promise<Victim> {
    const servers = { DATABASE_URL: this.databaseUrl, KAFKA_BROKERS: this.brokers, REDIS_URL: this.redisUrl };
    const env = { VARIANT: variant, ...servers, NAMESPACE: this.named(''), FAIL_POINTS_DIR: this.#failPoints };
    const victim = new Victim(fileURLToPath(main), env, this.#logs);
    this.#closing.push(() => victim.stop());
    await victim.start();
    return victim;
  }

  /** The round's topics for whoever makes the load. */
  bus(): MessageBus {
    const bus = new NamespacedBus(
      new KafkaBus({ brokers: this.brokers.split(','), clientId: 'load', log }),
      this.named(''),
    );
    this.#closing.push(() => bus.close());
    return bus;
  }

  /** Reads a topic of the product for the checker, from its first message. */
  async reader(topic: string): Promise<TopicReader> {
    const reader = await TopicReader.open(this.brokers, this.named(topic));
    this.#closing.push(() => reader.close());
    return reader;
  }

  /** Ends the processes, drops the database and the topics; what was logged stays. */
  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    await this.#pool.end();
    await Promise.all([this.#dropDatabase(), this.#dropTopics()]);
  }

  get #failPoints(): string {
    return join(this.#folder, 'fail-points');
  }

  get #logs(): string {
    return join(this.#folder, 'processes.log');
  }

  async #makeDatabase(): Promise<void> {
    const { servers, namespace, tables } = this.#options;
    await asAdmin(servers.postgres.adminUrl, `CREATE DATABASE ${namespace}`);
    await migrate(this.databaseUrl, [{ name: 'eventing', dir: join(root, 'libs/eventing/migrations') }]);
    await this.query(tables);
  }

  async #makeTopics(): Promise<void> {
    await this.admin.connect();
    await makeTopics(
      this.admin,
      this.#options.topics.map((topic) => this.named(topic)),
      PARTITIONS,
    );
  }

  async #dropDatabase(): Promise<void> {
    await asAdmin(
      this.#options.servers.postgres.adminUrl,
      `DROP DATABASE IF EXISTS ${this.#options.namespace} WITH (FORCE)`,
    );
  }

  async #dropTopics(): Promise<void> {
    // What is left of a round on a server that goes away anyway is no reason to fail it.
    await this.admin
      .deleteTopics({ topics: this.#options.topics.map((topic) => this.named(topic)) })
      .catch(() => undefined);
    await this.admin.disconnect();
  }
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
