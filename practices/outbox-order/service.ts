import { leaveInLog, PostgresOutbox, QueueRelay, WalRelay, type MessageBus } from '@shop/eventing';
import { log, serve, takePart } from '../lab/part.ts';
import { writer } from '../lab/writer.ts';
import { CursorRelay, SkipLockedRelay, XminRelay, type Carrier } from './naive-relays.ts';

/** Writers and relays in one process, as in a service; every variant writes by the product's own outbox. */
const part = takePart();
const { databaseUrl } = part;
const buses = [part.bus(), part.bus(), part.bus()];

/** What carries messages, and the outbox that is written for it. */
interface Way {
  readonly relays: readonly Carrier[];
  readonly outbox: PostgresOutbox;
  /** Resolves when something may be written. */
  readonly ready?: Promise<unknown>;
}

function way(variant: string, [bus, ...more]: readonly MessageBus[]): Way {
  if (bus === undefined) throw new Error('there is no bus');
  const table = new PostgresOutbox();
  switch (variant) {
    case 'id > last':
      return { relays: [new CursorRelay(databaseUrl, bus)], outbox: table };
    case 'xmin':
      return { relays: [new XminRelay(databaseUrl, bus)], outbox: table };
    case 'SKIP LOCKED ×3':
      return { relays: [bus, ...more].map((own) => new SkipLockedRelay(databaseUrl, own)), outbox: table };
    case 'shards ×3': {
      const relays = [bus, ...more].map((own) => new QueueRelay({ connectionString: databaseUrl, bus: own, log }));
      return { relays, outbox: new PostgresOutbox(() => relays.forEach((relay) => relay.wake())) };
    }
    case 'WAL ×3': {
      const relays = [bus, ...more].map(
        (own) => new WalRelay({ connectionString: databaseUrl, replicationUrl: databaseUrl, bus: own, log }),
      );
      return {
        relays,
        outbox: new PostgresOutbox(() => {}, { leave: leaveInLog }),
        ready: Promise.all(relays.map((relay) => relay.ready())),
      };
    }
    default:
      throw new Error(`there is no variant ${variant}`);
  }
}

const { relays, outbox, ready } = way(part.variant, buses);
for (const relay of relays) relay.start();
await ready;
serve(
  writer(part, () => ({ outbox })),
  async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await Promise.all(buses.map((each) => each.close()));
  },
);
