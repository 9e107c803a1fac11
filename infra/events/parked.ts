import { parkedKeys, release } from '@shop/eventing';
import { Obstacle } from '../state.ts';
import { filterOf, nothingMore, type Command } from './arguments.ts';
import { inDatabase, line, messagingServices, operator, serviceOf, table } from './operated-shop.ts';

export const listParked: Command = async (options, rest, { shop, say }) => {
  nothingMore(rest);
  const filter = filterOf(options);
  const services = filter.consumer ? [serviceOf(filter.consumer)] : messagingServices;
  const found = await Promise.all(
    services.map((service) => inDatabase(shop(), service, (database) => parkedKeys(database, filter))),
  );
  const keys = found.flat().sort((a, b) => a.parkedAt.getTime() - b.parkedAt.getTime());
  if (keys.length === 0) say('No key is parked.');
  else {
    const rows = keys.map(({ parkedAt, reason, ...of }) => [
      of.consumer,
      of.key,
      of.kind,
      of.attempts,
      of.waiting,
      parkedAt.toISOString(),
      line(reason),
    ]);
    for (const row of table(['consumer', 'key', 'kind', 'attempts', 'waiting', 'since', 'reason'], rows)) say(row);
  }
  return 0;
};

export const releaseParked: Command = async (options, rest, { shop, say, patience }) => {
  nothingMore(rest);
  const { consumer, ...filter } = filterOf(options);
  if (!consumer)
    throw new Obstacle('Whose keys? Name the consumer: parked release --consumer catalog.stock [--key …].');
  const asked = { ...filter, consumer, operator: operator(), skipDead: options['skip-dead'], patience };
  const released = await inDatabase(shop(), serviceOf(consumer), (database) => release(database, asked));
  for (const { key, outcome } of released) say(`${consumer} ${key}: ${line(outcome)}`);
  return released.every(({ flows }) => flows) ? 0 : 1;
};
