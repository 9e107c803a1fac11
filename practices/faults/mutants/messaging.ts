import type { Patch } from './patches.ts';

const apart = {
  invariant: 'availability',
  file: 'libs/eventing/src/destinations.ts',
  caughtBy: 'libs/eventing/src/destinations.spec.ts',
} as const;
const down = { ...apart, file: 'libs/eventing/src/destinations-down.ts' } as const;
const consumer = {
  invariant: 'I6',
  file: 'libs/eventing/src/consumer-runtime.ts',
  caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts',
} as const;
const relay = {
  invariant: 'availability',
  file: 'libs/eventing/src/relay.ts',
  caughtBy: 'libs/eventing/src/relay.spec.ts',
} as const;

/** Relays and consumers, and what they do when a neighbour fails, made wrong in one place each. */
export const messagingPatches: readonly Patch[] = [
  {
    name: 'a key goes on behind a message that waits for its destination',
    ...apart,
    invariant: 'I4',
    find: 'for (const { message } of group) behind.set(message.key, destination);',
    replace: '',
  },
  {
    name: 'the destinations of a batch are waited for however long they are silent',
    ...apart,
    find: 'ms === Infinity ? undefined : setTimeout',
    replace: 'ms > 0 ? undefined : setTimeout',
  },
  {
    name: 'a destination that does not answer shares its connection with all others',
    ...apart,
    find: 'publishGroup(bus, messages, { lane, givenUp: giveUp.signal })',
    replace: 'publishGroup(bus, messages, {})',
  },
  {
    name: 'what is published next goes by the connection of a batch that was given up',
    ...relay,
    find: 'if (failure instanceof Silent) giveUp.abort();',
    replace: '',
  },
  {
    name: 'a producer that somebody gave up is used again',
    ...relay,
    file: 'libs/eventing/src/kafka/producers.ts',
    caughtBy: 'practices/faults/kafka-line.int.spec.ts',
    find: "givenUp?.addEventListener('abort', giveUp, { once: true });",
    replace: '',
  },
  {
    name: 'a broker that is slow with everything is given each batch twice',
    ...relay,
    find: 'within(promptly ? 0 : patienceMs * SLOW, publishing)',
    replace: 'within(0, publishing)',
  },
  {
    name: 'what waits is not measured while the relay is stuck',
    ...relay,
    caughtBy: 'libs/eventing/src/queue-relay.int.spec.ts',
    find: 'this.#level?.start();',
    replace: '',
  },
  {
    name: 'what is new goes to a destination that fails',
    ...down,
    find: 'this.#down.get(destination)?.failing ?? false',
    replace: 'false',
  },
  {
    name: 'a destination that does not answer is asked again and again',
    ...down,
    find: 'if (down.attempt === undefined && performance.now()',
    replace: 'if (performance.now()',
  },
  {
    name: 'one destination that fails is taken for the whole broker',
    ...relay,
    find: 'return publishApart(bus, messages, Math.min(patienceMs, PATIENCE_APART_MS));',
    replace: 'throw failure;',
  },
  {
    name: 'a relay that cannot reach the broker keeps what it owns',
    ...relay,
    find: 'await this.proveNowAndThen(0);\n    return performance',
    replace: 'return performance',
  },
  {
    name: 'a poison message makes poison of those before it',
    ...consumer,
    file: 'libs/eventing/src/parking.ts',
    find: 'DO UPDATE SET kind = parked_keys.kind',
    replace: "DO UPDATE SET kind = CASE WHEN excluded.kind = 'poison' THEN 'poison' ELSE parked_keys.kind END",
  },
  {
    name: 'a consumer keeps its partitions while its database does not answer',
    ...consumer,
    find: '>= this.#options.leaveAfterMs) await this.#leave();',
    replace: '>= this.#options.leaveAfterMs) void 0;',
  },
  {
    name: 'an instance of another driver or client starts beside the others',
    invariant: 'I2',
    file: 'libs/eventing/src/agreement.ts',
    caughtBy: 'libs/eventing/src/agreement.int.spec.ts',
    find: 'if (found.length > 0) throw new Error(sentenceOf(found));',
    replace: '',
  },
  {
    name: 'a member is given partitions of topics that it does not read',
    ...relay,
    file: 'libs/eventing/src/kafka/assignor.ts',
    caughtBy: 'libs/eventing/src/kafka/assignor.spec.ts',
    find: 'topics.includes(topic) ? [id] : []',
    replace: 'topics.length > 0 ? [id] : []',
  },
  {
    name: 'who leads a group hands out the topics alone that it knows itself',
    ...relay,
    file: 'libs/eventing/src/kafkajs/by-subscription.ts',
    caughtBy: 'libs/eventing/src/kafka/added-topic.int.spec.ts',
    find: 'assign({ members }) {\n    const subscribers = members',
    replace:
      'assign({ members: all, topics: known }) {\n    const members = all.filter((one) => AssignerProtocol.MemberMetadata.decode(one.memberMetadata)?.topics.every((topic) => known.includes(topic)));\n    const subscribers = members',
  },
  {
    name: 'a consumer that acknowledges nothing is not seen',
    ...consumer,
    file: 'libs/eventing/src/kafka/group-watch.ts',
    caughtBy: 'libs/eventing/src/kafka/group-watch.spec.ts',
    find: 'before?.position === position ? before.since : now',
    replace: 'now',
  },
  {
    name: 'a member that could not ask for partitions as it joined never learns of more',
    ...consumer,
    file: 'libs/eventing/src/kafka/group-watch.ts',
    caughtBy: 'libs/eventing/src/kafka/group-watch.spec.ts',
    find: '| undefined = this.#known): void',
    replace: '| undefined = new Map()): void',
  },
];
