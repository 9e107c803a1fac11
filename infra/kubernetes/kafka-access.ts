import { deadLetterTopic, language, messagingServices, storeTopic } from '@shop/contracts';
import type { ServiceName } from '../environment.ts';

/** What a principal may do, one string for each operation: `Read topic orders.events`. */
export type Rights = string[];

/** What docs/topology.md comes to for one service, sorted. */
export function wantedRights(service: ServiceName): Rights {
  const { consumers, messages } = language();
  const writes = messages.filter(({ source }) => source === `/${service}`).map(({ topic }) => topic);
  const groups = Object.keys(consumers).filter((group) => group.startsWith(`${service}.`));
  const reads = groups.flatMap((group) => [...(consumers[group as keyof typeof consumers] as readonly string[])]);
  return [
    ...new Set([
      // An operator's replay sends a dead letter again to where it came from.
      ...[...writes, ...reads].flatMap((topic) => [`Describe topic ${topic}`, `Write topic ${topic}`]),
      ...reads.map((topic) => `Read topic ${topic}`),
      ...(messagingServices.includes(service)
        ? ['Describe', 'Read', 'Write'].map((operation) => `${operation} topic ${storeTopic(service)}`)
        : []),
      ...groups
        .map(deadLetterTopic)
        .flatMap((topic) => [`Describe topic ${topic}`, `Read topic ${topic}`, `Write topic ${topic}`]),
      ...groups.flatMap((group) => [`Describe group ${group}`, `Read group ${group}`]),
      // An operator looks through dead letters in a group of his own, which is gone afterwards.
      ...(groups.length > 0 ? ['Describe', 'Read', 'Delete'].map((operation) => `${operation} group operator-*`) : []),
    ]),
  ].sort();
}

/** KEDA reads how far each group is behind, and nothing else. */
export function wantedOfScaler(): Rights {
  const { consumers } = language();
  const topics = new Set(Object.values(consumers).flatMap((from) => [...from]));
  return [
    ...[...topics].map((topic) => `Describe topic ${topic}`),
    ...Object.keys(consumers).map((group) => `Describe group ${group}`),
  ].sort();
}

export interface KafkaUser {
  spec: {
    authorization: {
      acls: { resource: { type: string; name: string; patternType: 'literal' | 'prefix' }; operations: string[] }[];
    };
  };
}

/** What a KafkaUser says, in the same words. */
export function rightsOf({ spec }: KafkaUser): Rights {
  return spec.authorization.acls
    .flatMap(({ resource: { type, name, patternType }, operations }) =>
      operations.map((operation) => `${operation} ${type} ${name}${patternType === 'prefix' ? '*' : ''}`),
    )
    .sort();
}
