import { messages } from '@shop/contracts';
import { outboxStatus, putBack, summary } from '@shop/eventing';
import { Obstacle } from '../state.ts';
import { filterOf, nothingMore, type Command } from './arguments.ts';
import { inDatabase, line, messagingServices, operator, table } from './operated-shop.ts';

const senders = messagingServices.filter((service) =>
  [...messages.values()].some(({ source }) => source === `/${service}`),
);

export const showOutbox: Command = async (_, rest, { shop, say }) => {
  nothingMore(rest);
  for (const service of senders) {
    const status = await inDatabase(shop(), service, outboxStatus);
    say(`${service}: ${summary(status)}`);
    const busy = status.shards.filter(({ depth, owner }) => depth > 0 || (owner === undefined && !status.slot));
    if (busy.length > 0) {
      const rows = busy.map(({ shard, depth, oldest, owner }) => [
        '',
        shard,
        depth,
        `${oldest.toFixed(1)} s`,
        owner ?? 'nobody',
      ]);
      for (const row of table(['', 'shard', 'waiting', 'oldest', 'owner'], rows)) say(row);
    }
    for (const { behind, messages, oldest } of status.held)
      say(`  held ${messages} for ${behind}, the oldest for ${oldest.toFixed(1)} s`);
    for (const { topic, key, reason, rejectedAt } of status.rejected)
      say(`  rejected ${rejectedAt.toISOString()} ${topic} ${key}: ${line(reason)}`);
  }
  return 0;
};

/** Which service's outbox is meant is said by its name. */
export const putBackRejected: Command = async (options, [name, ...rest], { shop, say, patience }) => {
  nothingMore(rest);
  const service = senders.find((each) => each === name);
  if (!service) throw new Obstacle(`Of which service? outbox put-back <${senders.join('|')}> [--key …] [--topic …].`);
  const asked = { operator: operator(), key: filterOf(options).key, topic: options.topic, patience };
  const keys = await inDatabase(shop(), service, (database) => putBack(database, asked));
  for (const { key, outcome } of keys) say(`${service} ${key}: ${line(outcome)}`);
  return keys.every(({ published }) => published) ? 0 : 1;
};
