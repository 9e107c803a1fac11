import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Unpublishable, type BusMessage, type MessageBus } from './bus.ts';

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
    return this.received.filter((message) => message.key === key).map((message) => Number((JSON.parse(message.value) as { sequence: string }).sequence));
  }
}

/** A way to the database, and its end. */
export interface Way {
  readonly url: (to: string) => string;
  /** Resolves when it stands still. */
  readonly stands: Promise<void>;
  end(): void;
}

/** A way that stands still for good, in both directions, after so many bytes from the database: as if whoever reads there had been stopped. */
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
