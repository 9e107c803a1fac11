import { id } from '@shop/contracts';
import { EventStore, PostgresOutbox } from '@shop/eventing';
import { orderThen, orderUpcasters, type Moment } from '@shop/orders';
import { Obstacle } from '../state.ts';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase } from './operated-shop.ts';

export const showHistory: Command = async ({ version, at }, [orderId, ...rest], { shop, say }) => {
  nothingMore(rest);
  if (orderId === undefined) throw new Obstacle('Which order? history <order> [--version n | --at time].');
  const moment = momentOf(version, at);
  if (!id.safeParse(orderId).success)
    throw new Obstacle(`"${orderId}" is not the id of an order: those look like 01a2048b-0302-77ae-933f-f0de52be0f15.`);
  const then = await inDatabase(shop(), 'orders', (database) =>
    orderThen(new EventStore(database, new PostgresOutbox(), orderUpcasters), orderId, moment),
  );
  for (const { version, recordedAt, event } of then.happened) {
    const { type, ...data } = event;
    say(`${String(version).padStart(3)}  ${recordedAt}  ${type}  ${JSON.stringify(data)}`);
  }
  say(`\nAs of version ${then.version}:\n${JSON.stringify(then.state, undefined, 2)}`);
  return 0;
};

function momentOf(version: string | undefined, at: string | undefined): Moment {
  if (version !== undefined && at !== undefined) throw new Obstacle('Either --version or --at.');
  if (version !== undefined) {
    if (!/^\d{1,9}$/.test(version)) throw new Obstacle(`--version is a number, not "${version}".`);
    return { version: Number(version) };
  }
  if (at === undefined) return undefined;
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) throw new Obstacle(`--at is a time such as 2026-01-31T12:00:00Z, not "${at}".`);
  return { at: time };
}
