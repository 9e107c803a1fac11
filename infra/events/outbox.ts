import { messages } from '@shop/contracts';
import { outboxStatus, summary } from '@shop/eventing';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase, line, messagingServices, table } from './operated-shop.ts';

export const showOutbox: Command = async (_, rest, { shop, say }) => {
  nothingMore(rest);
  const senders = messagingServices.filter((service) => [...messages.values()].some(({ source }) => source === `/${service}`));
  for (const service of senders) {
    const status = await inDatabase(shop(), service, outboxStatus);
    say(`${service}: ${summary(status)}`);
    const busy = status.shards.filter(({ depth, owner }) => depth > 0 || (owner === undefined && !status.slot));
    if (busy.length > 0) {
      const rows = busy.map(({ shard, depth, oldest, owner }) => ['', shard, depth, `${oldest.toFixed(1)} s`, owner ?? 'nobody']);
      for (const row of table(['', 'shard', 'waiting', 'oldest', 'owner'], rows)) say(row);
    }
    for (const { topic, key, reason, rejectedAt } of status.rejected) say(`  rejected ${rejectedAt.toISOString()} ${topic} ${key}: ${line(reason)}`);
  }
  return 0;
};
