import { setTimeout as sleep } from 'node:timers/promises';
import {
  Module,
  type DynamicModule,
  type InjectionToken,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Type,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Upcasters } from '@shop/kernel';
import { Database, Health, Logger, type TelemetrySettings } from '@shop/platform';
import { Agreement, termsOf } from './agreement.ts';
import { MessageBus } from './bus.ts';
import type { Consumer } from './consumer.ts';
import { ConsumerRuntime } from './consumer-runtime.ts';
import { failPoint } from './fail-point.ts';
import { EventStore } from './event-store.ts';
import { MemoryBus } from './memory/memory-bus.ts';
import { MeasuredMessaging } from './measured.ts';
import { MessagingMetrics, Unmeasured } from './metrics.ts';
import { openBus, type BusSettings } from './open-bus.ts';
import { Background } from './operations/background.ts';
import { DeadLetterTopics } from './operations/dead-letter-topics.ts';
import { OperationsController, OwnConsumers } from './operations/operations.controller.ts';
import { leaveInLog, Outbox, PostgresOutbox } from './outbox.ts';
import { PartitionCounts } from './partition-counts.ts';
import { QueueRelay } from './queue-relay.ts';
import { Relay } from './relay.ts';
import { SHARDS } from './outgoing.ts';
import { StoreEpoch } from './store-epoch.ts';
import { StuckConsumers } from './stuck-consumers.ts';
import { WalRelay } from './wal-relay.ts';

/**
 * What the module needs to know of a service's configuration: platform's databaseSettings and busSettings, and
 * outboxSettings where it produces.
 */
interface EventingConfig extends BusSettings {
  readonly DATABASE_URL: string;
  readonly DATABASE_DIRECT_URL?: string;
  readonly OUTBOX_DRIVER?: 'queue' | 'wal';
  readonly REPLICATION_URL?: string;
  readonly FAIL_POINTS_DIR?: string;
  readonly OTEL_METRICS_EXPORTER: TelemetrySettings['OTEL_METRICS_EXPORTER'];
}

export interface EventingOptions {
  /** Consumers of this service, as providers of the module that imports this one. */
  readonly consumers: readonly Type<Consumer>[];
  /** Whether the service writes to an outbox, and so runs a relay. */
  readonly produces: boolean;
  /** What the events in its store once looked like, if it has any. */
  readonly upcasters?: Upcasters;
  /**
   * A poll or a batch older than this, in ms, means that the process does nothing any more, whatever it answers over
   * HTTP.
   */
  readonly staleAfterMs?: number;
}

/** Long enough for a broker that starts anew. */
const STALE_AFTER_MS = 30_000;
const NOTIFY_EVERY_MS = 10;
/** A start that takes longer goes on by itself; readiness says what it waits for. */
const WORKS_WITHIN_MS = 15_000;

/** The one bus of all services in this process when there is no broker. */
let inProcess: MemoryBus | undefined;

/**
 * The messaging of one service from one call: bus, outbox and relay, event store, a runtime for each of its consumers,
 * and what an operator can do with them.
 */
@Module({})
export class EventingModule {
  /** `config` is the service's own configuration class. */
  static forRoot(config: InjectionToken<EventingConfig>, options: EventingOptions): DynamicModule {
    return {
      module: EventingModule,
      controllers: [OperationsController],
      providers: [
        { provide: MessageBus, inject: [config, Logger], useFactory: busOfService },
        {
          provide: StoreEpoch,
          inject: [MessageBus, Database, Logger, OwnConsumers, MessagingMetrics],
          useFactory: (
            bus: MessageBus,
            database: Database,
            log: Logger,
            own: OwnConsumers,
            metrics: MessagingMetrics,
          ) => new StoreEpoch({ bus, database, log, metrics, consumers: () => own.names }),
        },
        { provide: Relay, inject: [config, MessageBus, Logger, MessagingMetrics, StoreEpoch], useFactory: openRelay },
        { provide: Outbox, inject: [Relay, Database, Logger, StoreEpoch], useFactory: openOutbox },
        {
          provide: EventStore,
          inject: [Database, Outbox],
          useFactory: (database: Database, outbox: PostgresOutbox) =>
            new EventStore(database, outbox, options.upcasters),
        },
        Background,
        {
          provide: OwnConsumers,
          inject: [ModuleRef],
          useFactory: (modules: ModuleRef) => ownConsumers(modules, options),
        },
        {
          provide: DeadLetterTopics,
          inject: [config],
          useFactory: (settings: EventingConfig) => new DeadLetterTopics(settings),
        },
        // Levels cost a query each: they are asked for only where somebody reads them.
        {
          provide: MessagingMetrics,
          inject: [config],
          useFactory: ({ OTEL_METRICS_EXPORTER: to }: EventingConfig) =>
            to === 'none' ? new Unmeasured() : new MeasuredMessaging(),
        },
        {
          provide: Messaging,
          inject: [ModuleRef, MessageBus, Relay, Health, config, StoreEpoch],
          useFactory: (
            modules: ModuleRef,
            bus: MessageBus,
            relay: Relay,
            health: Health,
            settings: EventingConfig,
            store: StoreEpoch,
          ) => new Messaging(modules, bus, relay, health, options, settings, store),
        },
      ],
      exports: [MessageBus, Outbox, EventStore, MessagingMetrics, Background],
    };
  }
}

/**
 * Starts the relay, without which nothing may be written, then consumers; stops these first, so that what is in hand
 * still finds its outbox.
 */
class Messaging implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #runtimes: ConsumerRuntime[] = [];
  readonly #staleAfterMs: number;
  readonly #stuck: StuckConsumers;
  #agreement: Agreement | undefined;
  #working: Promise<void> | undefined;
  #closing = false;
  #partitions: PartitionCounts | undefined;

  constructor(
    private readonly modules: ModuleRef,
    private readonly bus: MessageBus,
    private readonly relay: Relay,
    private readonly health: Health,
    private readonly options: EventingOptions,
    private readonly settings: EventingConfig,
    private readonly store: StoreEpoch,
  ) {
    this.#staleAfterMs = options.staleAfterMs ?? STALE_AFTER_MS;
    this.#stuck = new StuckConsumers(bus, this.#staleAfterMs);
  }

  async onApplicationBootstrap(): Promise<void> {
    const find = <T>(type: Type<T> | (abstract new () => T)) => this.modules.get<T>(type as Type<T>, { strict: false });
    const [database, log] = [find(Database), find(Logger)];
    this.#agreement = new Agreement(database, termsOf(this.settings, this.options.produces));
    await this.#agreement.start();
    this.health.ready('agreement', () => this.#agreement?.difference);
    this.health.ready('store', () => this.store.trouble);
    this.health.closed(() => this.store.trouble);
    // What this process remembers is of a store that is no more.
    this.health.live('store', () =>
      this.store.isOutlived ? 'the store has begun another epoch: this process has to start again' : undefined,
    );
    this.store.onRestored(() => void this.standStill());
    await this.store.start();
    if (!this.store.isOpen)
      log.warn(
        { reason: this.store.trouble },
        'nothing is served, published or taken until the store has been compared with the bus',
      );
    const working = this.store.opened.then(() => this.#work());
    // A start waits for it, unless it waits itself: for the bus, or for an operator.
    if (this.store.isOpen) await Promise.race([working, sleep(WORKS_WITHIN_MS, undefined, { ref: false })]);
    void working.catch((error: unknown) =>
      log.error({ err: error }, 'the relay or the consumers could not be started'),
    );
  }

  /** From here on messages are published and taken. */
  #work(): Promise<void> {
    return (this.#working ??= this.#closing ? Promise.resolve() : this.#startWork());
  }

  /** The store is an older state than the bus knows: nothing more is published or taken. */
  async standStill(): Promise<void> {
    await this.#working?.catch(() => {});
    this.#stuck.stop();
    await Promise.all(this.#runtimes.map((runtime) => runtime.stop()));
    await this.relay.stop();
  }

  async #startWork(): Promise<void> {
    const find = <T>(type: Type<T> | (abstract new () => T)) => this.modules.get<T>(type as Type<T>, { strict: false });
    const [database, outbox, metrics, log] = [
      find(Database),
      this.modules.get(Outbox),
      this.modules.get(MessagingMetrics),
      find(Logger),
    ];
    this.#partitions = new PartitionCounts({
      bus: this.bus,
      database,
      metrics,
      log,
      service: () => this.store.service,
    });
    this.health.ready('partitions', () => this.#partitions?.refusal);
    this.health.degraded('topics', () => this.#partitions?.difference);
    await this.#partitions.start();
    if (this.#closing) return;
    if (this.options.produces) {
      this.relay.start();
      await this.relay.ready().catch(async (error: unknown) => {
        await this.relay.stop();
        throw error;
      });
      // What needs a person is not mended by a restart.
      this.health.ready('outbox', () => this.relay.trouble);
      this.health.live('relay', () =>
        this.relay.idleMs() > this.#staleAfterMs ? `last poll ${this.relay.idleMs()} ms ago` : undefined,
      );
      // Others may publish what is written here, and the broker may come back: work is taken all the same.
      this.health.degraded('publishing', () => awayFor(this.relay.unreachableMs()));
    }
    for (const type of this.options.consumers) {
      const consumer = find(type);
      const afterEffect = () => failPoint(this.settings.FAIL_POINTS_DIR, `${consumer.name}-handled`);
      const runtime = new ConsumerRuntime({ consumer, bus: this.bus, database, outbox, metrics, log, afterEffect });
      this.#runtimes.push(runtime);
      this.health.live(`consumer ${consumer.name}`, this.#stuck.watch(runtime));
      this.health.degraded(`partitions of ${consumer.name}`, () => handedBack(runtime.awayMs()));
    }
    await Promise.all(this.#runtimes.map((runtime) => runtime.start()));
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closing = true;
    this.#partitions?.stop();
    this.#stuck.stop();
    this.#agreement?.stop();
    await this.store.stop();
    await Promise.all(this.#runtimes.map((runtime) => runtime.stop()));
    await this.relay.stop();
    if (this.bus !== inProcess) await this.bus.close();
  }
}

const awayFor = (ms: number) =>
  ms === 0 ? undefined : `the broker has not answered for ${Math.round(ms / 1_000)} s: this instance publishes nothing`;

const handedBack = (ms: number) =>
  ms === 0 ? undefined : `handed back: the database has not answered for ${Math.round(ms / 1_000)} s`;

/** Asked for when they are needed: consumers are made after the module that runs them. */
function ownConsumers(modules: ModuleRef, { consumers }: EventingOptions): OwnConsumers {
  return {
    get names() {
      return consumers.map((type) => modules.get(type, { strict: false }).name);
    },
  };
}

function busOfService(config: EventingConfig, log: Logger): Promise<MessageBus> | MessageBus {
  if (config.BUS === 'memory') return (inProcess ??= new MemoryBus());
  return openBus(config, { clientId: `shop-${process.pid}`, log });
}

function openRelay(
  config: EventingConfig,
  bus: MessageBus,
  log: Logger,
  metrics: MessagingMetrics,
  store: StoreEpoch,
): Relay {
  const afterPublish = (messages: number) => failPoint(config.FAIL_POINTS_DIR, 'relay-published', messages);
  const options = {
    connectionString: config.DATABASE_DIRECT_URL ?? config.DATABASE_URL,
    bus,
    log,
    metrics,
    afterPublish,
    admit: () => store.admit(),
  };
  return config.OUTBOX_DRIVER === 'wal'
    ? new WalRelay({ ...options, replicationUrl: config.REPLICATION_URL ?? '' })
    : new QueueRelay(options);
}

/** Written for the relay that runs. */
function openOutbox(relay: Relay, database: Database, log: Logger, store: StoreEpoch): PostgresOutbox {
  const trouble = () => store.trouble ?? relay.trouble;
  if (relay instanceof QueueRelay) return new PostgresOutbox(waking(relay, database, log), { trouble });
  return new PostgresOutbox(() => {}, { leave: leaveInLog, trouble });
}

/**
 * Wakes the relay of this process at once, and those of others by one NOTIFY for everything committed within ten
 * milliseconds.
 */
function waking(relay: QueueRelay, database: Database, log: Logger): () => void {
  let soon: NodeJS.Timeout | undefined;
  return () => {
    relay.wake();
    if (relay.owned.size === SHARDS) return;
    soon ??= setTimeout(() => {
      soon = undefined;
      database
        .query('NOTIFY outbox')
        .catch((error: unknown) => log.warn({ err: error }, 'relays were not woken; they poll anyway'));
    }, NOTIFY_EVERY_MS);
  };
}
