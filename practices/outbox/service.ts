import { PostgresOutbox, QueueRelay } from '@shop/eventing';
import { log, serve, takePart, type Part } from '../lab/part.ts';
import { writer, type Announcement } from '../lab/writer.ts';
import { PublishAfterCommit } from './publish-after-commit.ts';

/** The process that is killed: a writer, and whatever carries its messages to Kafka. */
const part = takePart();
const { announce, close } = part.variant === 'outbox' ? withOutbox(part) : withoutOutbox(part);
serve(writer(part, announce), close);

function withOutbox({ databaseUrl, ...rest }: Part): { announce: () => Announcement; close: () => Promise<void> } {
  const bus = rest.bus();
  const relay = new QueueRelay({ connectionString: databaseUrl, bus, log });
  const outbox = new PostgresOutbox(() => relay.wake());
  relay.start();
  return {
    announce: () => ({ outbox }),
    close: async () => {
      await relay.stop();
      await bus.close();
    },
  };
}

function withoutOutbox(rest: Part): { announce: () => Announcement; close: () => Promise<void> } {
  const bus = rest.bus();
  const announce = () => {
    const outbox = new PublishAfterCommit(bus);
    return { outbox, told: () => outbox.published() };
  };
  return { announce, close: () => bus.close() };
}
