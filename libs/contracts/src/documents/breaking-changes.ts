import { isDeepStrictEqual } from 'node:util';
import type { AsyncApi } from './async-api.ts';
import { schemaChanges } from './schema-changes.ts';

/**
 * What would break if `after` were deployed where `before` is: one sentence each, naming the type and where in its
 * messages. Empty when everything new is an addition. What has to break comes as a new major version beside the old
 * one, `….v2`, until nobody reads the old one.
 */
export function breakingChanges(before: AsyncApi, after: AsyncApi): string[] {
  return [...topicChanges(before, after), ...typeChanges(before, after)];
}

function topicChanges(before: AsyncApi, after: AsyncApi): string[] {
  return Object.entries(before.channels).flatMap(([topic, { bindings, 'x-key': key, messages }]) => {
    // The dead letters of a consumer come and go with it, and no program reads them.
    if (key === undefined) return [];
    const now = after.channels[topic];
    if (!now)
      return [
        `Topic ${topic} is gone: what is on it, or still sent to it, would be read by nobody (${Object.keys(messages).length} types).`,
      ];
    const [was, is] = [bindings.kafka.partitions, now.bindings.kafka.partitions];
    return [
      ...(was === is
        ? []
        : [
            `Topic ${topic} has ${is} partitions instead of ${was}: keys would move to others, and lose their order, unless the running topic was changed first (npm run events -- topics partitions).`,
          ]),
      ...(wasCompacted(before, topic) && !wasCompacted(after, topic)
        ? [`Topic ${topic} is not compacted any more: copies could not be made from it.`]
        : []),
      ...(key === now['x-key']
        ? []
        : [`Topic ${topic} has the key ${now['x-key']} instead of ${key}: what was in order no longer is.`]),
    ];
  });
}

const wasCompacted = ({ channels }: AsyncApi, topic: string) =>
  JSON.stringify(channels[topic]?.bindings.kafka.topicConfiguration ?? {}).includes('compact');

function typeChanges(before: AsyncApi, after: AsyncApi): string[] {
  const [homes, now] = [homesOf(before), homesOf(after)];
  return [...homes].flatMap(([type, topics]) => {
    const [was, is] = [before.components.schemas[type], after.components.schemas[type]];
    const home = now.get(type);
    if (!home || !was || !is)
      return [`${type} is gone: readers that run already wait for it, and what was sent before could not be read.`];
    return [
      ...(isDeepStrictEqual(home, topics)
        ? []
        : [`${type} travels on ${home.join(', ')} instead of ${topics.join(', ')}: its readers do not look there.`]),
      ...schemaChanges(was, is).map(({ pointer, what }) => `${type} ${pointer} ${what}.`),
    ];
  });
}

/** The topics of each type. */
function homesOf({ channels }: AsyncApi): Map<string, string[]> {
  const homes = new Map<string, string[]>();
  for (const [topic, channel] of Object.entries(channels)) {
    if (channel['x-key'] === undefined) continue;
    for (const type of Object.keys(channel.messages)) homes.set(type, [...(homes.get(type) ?? []), topic]);
  }
  return homes;
}
