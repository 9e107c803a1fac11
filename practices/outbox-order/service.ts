import { PostgresOutbox, QueueRelay } from '@shop/eventing';
import { log, serve, takePart } from '../lab/part.ts';
import { writer } from '../lab/writer.ts';
import { CursorRelay, SkipLockedRelay, XminRelay, type Carrier } from './naive-relays.ts';

/** Writers and relays in one process, as in a service; every variant writes by the product's own outbox. */
const part = takePart();
const { databaseUrl } = part;
const buses = [part.bus(), part.bus(), part.bus()];
const [bus] = buses as [(typeof buses)[0]];

const carriers: Record<string, () => Carrier[]> = {
  'id > last': () => [new CursorRelay(databaseUrl, bus)],
  xmin: () => [new XminRelay(databaseUrl, bus)],
  'SKIP LOCKED ×3': () => buses.map((own) => new SkipLockedRelay(databaseUrl, own)),
  'shards ×3': () => buses.map((own) => new QueueRelay({ connectionString: databaseUrl, bus: own, log })),
};
const relays = carriers[part.variant]?.() ?? [];
for (const relay of relays) relay.start();

const outbox = new PostgresOutbox(() => {
  for (const relay of relays) if (relay instanceof QueueRelay) relay.wake();
});
serve(
  writer(part, () => ({ outbox })),
  async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await Promise.all(buses.map((each) => each.close()));
  },
);
