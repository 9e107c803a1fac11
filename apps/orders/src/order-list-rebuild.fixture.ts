import { EventStore, PostgresOutbox } from '@shop/eventing';
import { Database } from '@shop/platform';
import { orderUpcasters } from './domain/upcasters.ts';
import { OrderListRebuild } from './order-list-rebuild.ts';

/** A process that mends the list one order at a time, to be killed while it does. */
const database = new Database(process.env['DATABASE_URL'] ?? '', { size: 2, application: 'spec' });
await new OrderListRebuild(database, new EventStore(database, new PostgresOutbox(), orderUpcasters)).mend({ batch: 1 });
await database.close();
