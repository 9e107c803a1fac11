import { z } from 'zod';
import type { CloudEvent } from './cloud-event.ts';
import type { Topic } from './topics.ts';

/** One message type: its name, what it says, where it travels, who sends it, and what it carries. */
export interface MessageContract<T extends string = string, D extends z.ZodObject = z.ZodObject> {
  readonly type: T;
  /** One sentence, for whoever reads the code and for the documents. */
  readonly summary: string;
  readonly topic: Topic;
  readonly source: string;
  /**
   * A note states nothing that has to be true for ever: it goes straight to the bus, and the next one makes up for one
   * that is lost.
   */
  readonly kind: 'event' | 'command' | 'note';
  readonly data: D;
}

/** A message read by its contract. */
export type MessageOf<C extends MessageContract> = Omit<CloudEvent, 'data' | 'type'> & {
  type: C['type'];
  data: z.infer<C['data']>;
};

const registry = new Map<string, MessageContract>();

/** Declares a message type. Its schema is the one source of the TypeScript type, validation and generated documents. */
export function message<T extends string, D extends z.ZodObject>(
  contract: MessageContract<T, D>,
): MessageContract<T, D> {
  if (registry.has(contract.type)) throw new Error(`Message type ${contract.type} is declared twice`);
  registry.set(contract.type, contract);
  return contract;
}

/** Every declared message type, by name. */
export const messages: ReadonlyMap<string, MessageContract> = registry;
