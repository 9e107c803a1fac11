import { EventStore, PostgresOutbox } from '@shop/eventing';
import { agrees, OrderListRebuild, orderUpcasters, type Compared } from '@shop/orders';
import type { Database } from '@shop/platform';
import { Obstacle } from '../state.ts';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase, line, operator } from './operated-shop.ts';

export const checkProjection: Command = async (_, rest, { shop, say, patience }) => {
  assertOrders(rest);
  return sayCompared(await inDatabase(shop(), 'orders', (database) => orderList(database).compare({ patience })), say);
};

export const rebuildProjection: Command = async (_, rest, { shop, say, patience }) => {
  assertOrders(rest);
  const { mended, compared } = await inDatabase(shop(), 'orders', (database) =>
    orderList(database).run(operator(), { patience }),
  );
  const { orders, events, seconds, wrong, behind, differences } = mended;
  say(
    `${orders} orders folded from ${events} events in ${seconds.toFixed(1)} s (${Math.round(events / seconds)} a second): ${wrong} rows were wrong, ${behind} behind`,
  );
  for (const { id, what } of differences) say(`  ${id}  ${line(what)}`);
  return sayCompared(compared, say);
};

const orderList = (database: Database) =>
  new OrderListRebuild(database, new EventStore(database, new PostgresOutbox(), orderUpcasters));

function assertOrders([name, ...rest]: string[]): void {
  nothingMore(rest);
  if (name !== 'orders')
    throw new Obstacle(`Which projection? There is one: orders${name === undefined ? '' : `, and no "${name}"`}.`);
}

function sayCompared(compared: Compared, say: (line: string) => void): number {
  const { orders, events, wrong, differences, projection, folded } = compared;
  say(`projection  sha256 ${projection}`);
  say(`events      sha256 ${folded}`);
  if (agrees(compared)) say(`The same, for ${orders} orders and ${events} events.`);
  else say(`They differ: ${wrong} of ${orders} rows are not what the events make them.`);
  for (const { id, what } of differences) say(`  ${id}  ${line(what)}`);
  return agrees(compared) ? 0 : 1;
}
