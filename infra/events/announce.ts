import { announceAll, ProductAnnouncement } from '@shop/catalog';
import { leaveInLog, PostgresOutbox } from '@shop/eventing';
import type { Database } from '@shop/platform';
import { Obstacle } from '../state.ts';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase, operator } from './operated-shop.ts';

/** What is a state that others copy. */
export const announce: Command = async (_, [what, ...rest], { shop, say }) => {
  nothingMore(rest);
  if (what !== 'products')
    throw new Obstacle(
      `Announce what? There is one thing that others copy: products${what === undefined ? '' : `, and no "${what}"`}.`,
    );
  const outcome = await inDatabase(shop(), 'catalog', async (database) =>
    announceAll(database, new ProductAnnouncement(database, await outboxOf(database)), { operator: operator() }),
  );
  say(`${outcome}: they wait in catalog's outbox for its relay.`);
  return 0;
};

/** Left for the driver that runs: where there is a slot, the log is the outbox. */
async function outboxOf(database: Database): Promise<PostgresOutbox> {
  const slots = await database.query('SELECT 1 FROM outbox_slot');
  return slots.length > 0 ? new PostgresOutbox(() => {}, { leave: leaveInLog }) : new PostgresOutbox();
}
