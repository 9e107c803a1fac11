import { askNow, openOutcomes } from '@shop/payments';
import { Obstacle } from '../state.ts';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase, line, operator, table } from './operated-shop.ts';

export const listOutcomes: Command = async ({ key }, rest, { shop, say }) => {
  nothingMore(rest);
  const open = await inDatabase(shop(), 'payments', (database) => openOutcomes(database, orderOf(key)));
  if (open.length === 0) say('No outcome is open.');
  else {
    const rows = open.map(({ orderId, move, unwanted, askedAt, attempts, dueAt }) => [
      orderId,
      move,
      unwanted ? 'no' : 'yes',
      askedAt.toISOString(),
      attempts,
      dueAt.toISOString(),
    ]);
    for (const row of table(['order', 'move', 'wanted', 'asked', 'looks', 'next look'], rows)) say(row);
  }
  return 0;
};

export const askOutcomes: Command = async ({ key }, rest, { shop, say, patience }) => {
  nothingMore(rest);
  const asked = await inDatabase(shop(), 'payments', (database) =>
    askNow(database, { operator: operator(), order: orderOf(key), patience }),
  );
  for (const { orderId, outcome } of asked) say(`${orderId}: ${line(outcome)}`);
  return asked.every(({ known }) => known) ? 0 : 1;
};

function orderOf(key: string | undefined): string | undefined {
  if (key === undefined || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key)) return key;
  throw new Obstacle(`"${key}" is not the id of an order.`);
}
