import type { Patch } from './patches.ts';

const apart = { invariant: 'availability', file: 'libs/eventing/src/destinations.ts', caughtBy: 'libs/eventing/src/destinations.spec.ts' } as const;
const down = { ...apart, file: 'libs/eventing/src/destinations-down.ts' } as const;
const consumer = { invariant: 'I6', file: 'libs/eventing/src/consumer-runtime.ts', caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts' } as const;
const relay = { invariant: 'availability', file: 'libs/eventing/src/relay.ts', caughtBy: 'libs/eventing/src/relay.spec.ts' } as const;

/** Relays and consumers, and what they do when a neighbour fails, made wrong in one place each. */
export const messagingPatches: readonly Patch[] = [
  { name: 'a key goes on behind a message that waits for its destination', ...apart, invariant: 'I4', find: 'for (const { message } of group) behind.set(message.key, destination);', replace: '' },
  { name: 'the destinations of a batch are waited for however long they are silent', ...apart, find: 'ms === Infinity ? undefined : setTimeout', replace: 'ms > 0 ? undefined : setTimeout' },
  { name: 'what is new goes to a destination that fails', ...down, find: 'this.#down.get(destination)?.failing ?? false', replace: 'false' },
  { name: 'a destination that does not answer is asked again and again', ...down, find: 'if (down.attempt === undefined && performance.now()', replace: 'if (performance.now()' },
  { name: 'one destination that fails is taken for the whole broker', ...relay, find: 'return publishApart(bus, messages, Math.min(patienceMs, PATIENCE_APART_MS));', replace: 'throw failure;' },
  { name: 'a relay that cannot reach the broker keeps what it owns', ...relay, find: 'await this.proveNowAndThen(0);\n      this.options', replace: 'this.options' },
  { name: 'a poison message makes poison of those before it', ...consumer, file: 'libs/eventing/src/parking.ts', find: 'DO UPDATE SET kind = parked_keys.kind', replace: "DO UPDATE SET kind = CASE WHEN excluded.kind = 'poison' THEN 'poison' ELSE parked_keys.kind END" },
  { name: 'a consumer keeps its partitions while its database does not answer', ...consumer, find: '>= this.#options.leaveAfterMs) await this.#leave();', replace: '>= this.#options.leaveAfterMs) void 0;' },
  { name: 'an instance of another driver or client starts beside the others', invariant: 'I2', file: 'libs/eventing/src/agreement.ts', caughtBy: 'libs/eventing/src/agreement.int.spec.ts', find: 'if (found.length > 0) throw new Error(sentenceOf(found));', replace: '' },
];
