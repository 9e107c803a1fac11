import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { randomUUIDv7 } from 'node:crypto';
import { reserveStock, voidPayment } from '@shop/contracts';
import { Database } from '@shop/platform';
import { freshDatabase, type DatabaseName, type FreshDatabase } from '@shop/testing';
import { expect, test, vi } from 'vitest';
import { Unpublishable, type BusMessage, type MessageBus } from './bus.ts';
import { event } from './outgoing.ts';
import type { PostgresOutbox } from './outbox.ts';
import type { Relay, RelayOptions } from './relay.ts';

/** A broker that keeps what it is given, batch by batch, and may be told to fail, as a whole or in parts. */
export class Broker {
  readonly batches: (readonly BusMessage[])[] = [];
  refuses: (message: BusMessage) => boolean = () => false;
  /** A batch with one of these fails at once, or is never answered. */
  fails: (message: BusMessage) => boolean = () => false;
  ignores: (message: BusMessage) => boolean = () => false;
  down = false;
  answers: () => Promise<unknown> = async () => {};
  /** How it answers when it is asked whether it is there; like everything else, unless said. */
  proves: () => Promise<unknown> = async () => {
    if (this.down) throw new Error('the broker is away');
  };
  readonly bus = {
    publish: async (messages: readonly BusMessage[]) => {
      if (this.down) throw new Error('the broker is away');
      if (messages.some(this.ignores)) await new Promise(() => {});
      if (messages.some(this.fails)) throw new Error('no leader');
      if (messages.some(this.refuses)) throw new Unpublishable('too large');
      this.batches.push(messages);
      await this.answers();
    },
    prove: () => this.proves(),
    destinationsOf: async (messages: readonly BusMessage[]) => messages.map(({ topic }) => topic),
  } as unknown as MessageBus;

  get received(): BusMessage[] {
    return this.batches.flat();
  }

  /** The sequence numbers of a key's messages, as they came. */
  sequence(key: string): number[] {
    return this.received
      .filter((message) => message.key === key)
      .map((message) => Number((JSON.parse(message.value) as { sequence: string }).sequence));
  }
}

/** A way to the database, and its end. */
export interface Way {
  readonly url: (to: string) => string;
  /** Resolves when it stands still. */
  readonly stands: Promise<void>;
  end(): void;
}

/**
 * A way that stands still for good, in both directions, after so many bytes from the database: as if whoever reads
 * there had been stopped.
 */
export async function wayTo(database: string, bytes: number): Promise<Way> {
  const [{ hostname, port }, sockets] = [new URL(database), new Set<Socket>()];
  const stands = Promise.withResolvers<void>();
  let passed = 0;
  const pass = (from: Socket, to: Socket, size: (data: Buffer) => number) =>
    from.on('data', (data: Buffer) => {
      passed += size(data);
      if (passed <= bytes) return void to.write(data);
      for (const socket of sockets) socket.pause();
      stands.resolve();
    });
  const server = createServer((near) => {
    const far = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    pass(near, far, () => 0);
    pass(far, near, (data) => data.length);
    for (const socket of [near, far]) {
      sockets.add(socket.on('error', () => {}));
      socket.on('close', () => (near.destroy(), far.destroy()));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = (to: string) => {
    const through = new URL(to);
    through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return through.href;
  };
  const end = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url, stands: stands.promise, end };
}

export interface RelayUnderTest {
  readonly name: string;
  /** Whose outbox it is. */
  readonly service: DatabaseName;
  /** An outbox that is written for this driver. */
  readonly outbox: PostgresOutbox;
  /** Not started; everything it has to say to the database goes by `through`. */
  open(
    options: Omit<RelayOptions, 'connectionString'>,
    database: FreshDatabase,
    through: (url: string) => string,
  ): Relay;
  /** Whether this instance owns anything: whether messages may come by it. */
  owns(relay: Relay): boolean;
}

const log = { info: () => {}, warn: () => {}, error: () => {} };

/** Tests that each have a rig of their own, so that they may run side by side. */
export const onRig = (relayUnderTest: RelayUnderTest) =>
  test.extend<{ rig: Rig }>({
    rig: async ({}, use) => {
      const rig = await Rig.open(relayUnderTest);
      await use(rig);
      await rig.close();
    },
  });

/** One database with an outbox, one broker, and what a test does with them. */
export class Rig {
  readonly broker = new Broker();
  readonly key = randomUUIDv7();
  readonly relays: Relay[] = [];
  readonly ways: Way[] = [];
  readonly #open: RelayUnderTest['open'];

  private constructor(
    readonly fresh: FreshDatabase,
    readonly database: Database,
    readonly outbox: PostgresOutbox,
    open: RelayUnderTest['open'],
  ) {
    this.#open = open;
  }

  static async open({ service, outbox, open }: RelayUnderTest): Promise<Rig> {
    const fresh = await freshDatabase(service);
    return new Rig(fresh, new Database(fresh.url, { size: 16, application: 'spec' }), outbox, open);
  }

  async close(): Promise<void> {
    for (const way of this.ways) way.end();
    await Promise.all(this.relays.map((one) => one.stop()));
    await this.database.close();
    await this.fresh.drop();
  }

  /** Not started; stopped with the test. */
  readonly unstarted = (options: Partial<RelayOptions> = {}, through = (url: string) => url): Relay => {
    const one = this.#open({ bus: this.broker.bus, log, ...options }, this.fresh, through);
    this.relays.push(one);
    return one;
  };

  readonly relay = async (options?: Partial<RelayOptions>, through?: (url: string) => string): Promise<Relay> => {
    const one = this.unstarted(options, through);
    one.start();
    await one.ready();
    return one;
  };

  /** One message of a key's stream, written as a writer would: under the row lock of the key. */
  readonly write = (of: string, sequence: number, { lines = 1, rollBack = false } = {}): Promise<void> =>
    this.database
      .transaction(async (tx) => {
        await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [of]);
        const data = { orderId: of, lines: Array.from({ length: lines }, () => ({ productId: of, quantity: 1 })) };
        await this.outbox.add(tx, [event(reserveStock, { key: of, sequence, data })]);
        if (rollBack) throw new Error('rolled back');
      })
      .catch((error: Error) => {
        if (error.message !== 'rolled back') throw error;
      });

  /** One message of the same key's stream, for another topic. */
  readonly writeElsewhere = (of: string, sequence: number): Promise<void> =>
    this.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [of]);
      await this.outbox.add(tx, [event(voidPayment, { key: of, sequence, data: { orderId: of } })]);
    });

  readonly writeAll = async (of: string, from: number, upTo: number): Promise<void> => {
    for (let sequence = from; sequence <= upTo; sequence++) await this.write(of, sequence);
  };

  /** How many messages of a key are held. */
  readonly held = async (of = this.key): Promise<number> =>
    (await this.database.query('SELECT 1 FROM outbox_held WHERE key = $1', [of])).length;

  readonly arrived = (of: string, count: number): Promise<void> =>
    vi.waitFor(() => expect(new Set(this.broker.sequence(of)).size).toBe(count), { timeout: 25_000, interval: 10 });
}
