import { cloudEvent, type CloudEvent } from '@shop/contracts';
import type { Delivery } from './bus.ts';
import { Poison, type Handler } from './consumer.ts';

/** Reads a delivery as a CloudEvent, tolerantly. Throws Poison for what can never be read. */
export function parse(delivery: Delivery): CloudEvent {
  if (delivery.value === undefined) throw new Poison('a message without a value');
  let json: unknown;
  try {
    json = JSON.parse(delivery.value);
  } catch {
    throw new Poison('not JSON');
  }
  const envelope = cloudEvent.safeParse(json);
  if (!envelope.success)
    throw new Poison(
      `not a CloudEvent: ${envelope.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`,
    );
  if (delivery.key !== undefined && envelope.data.subject !== delivery.key)
    throw new Poison(`its key ${delivery.key} is not its subject`);
  return envelope.data;
}

/** The id of a message that may not be readable: its own, else its place on the bus. */
export function idOf(delivery: Delivery): string {
  const id = attributeOf(delivery, 'id');
  return typeof id === 'string' && /^[^\0]{1,128}$/.test(id) ? id : delivery.id;
}

/** The place in its key's stream of a message that may not be readable; undefined when it has none. */
export function sequenceOf(delivery: Delivery): number | undefined {
  const sequence = attributeOf(delivery, 'sequence');
  return typeof sequence === 'string' && /^[1-9]\d{0,8}$/.test(sequence) ? Number(sequence) : undefined;
}

function attributeOf({ value }: Delivery, name: string): unknown {
  try {
    return (JSON.parse(value ?? '') as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}

/**
 * The message with its data as the handler's contract has them: unknown fields are dropped. Throws Poison when they
 * break it.
 */
export function byContract(message: CloudEvent, { contract }: Handler): CloudEvent {
  const data = contract.data.safeParse(message.data);
  if (!data.success) throw new Poison(`breaks the contract ${message.type}: ${data.error.message}`);
  return { ...message, data: data.data };
}

/**
 * Whether this is another major version of a type that is handled: it cannot be read, and must not be passed over
 * either.
 */
export function isUnknownMajor(type: string, handled: Iterable<string>): boolean {
  const family = (name: string) => name.replace(/\.v\d+$/, '');
  return [...handled].some((known) => known !== type && family(known) === family(type));
}
