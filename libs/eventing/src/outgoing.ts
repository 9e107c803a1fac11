import { crc32 } from 'node:zlib';
import { randomUUIDv7 } from 'node:crypto';
import { DomainError } from '@shop/kernel';
import type { CloudEvent, MessageContract } from '@shop/contracts';
import { currentTraceparent } from '@shop/platform';
import type { z } from 'zod';

/** How many queues the outbox is split into; a key always falls into the same one. */
export const SHARDS = 16;

/**
 * Largest message value in bytes. Kafka's default limit is 1 MiB a batch; what could never be published is refused when
 * written.
 */
export const MAX_PAYLOAD_BYTES = 900_000;

/** A message to be written to the outbox. */
export interface Outgoing {
  readonly contract: MessageContract;
  /** The message key: order is kept within it. */
  readonly key: string;
  /** Position in the key's stream from 1, without gaps; absent on commands. */
  readonly sequence?: number;
  readonly data: Record<string, unknown>;
  /** What it was when it was first said, for one that is said again: to its readers it is the same message. */
  readonly again?: { readonly id: string; readonly time: string };
}

/** A row of the outbox: a sealed message and the queue it waits in. */
export interface OutboxRow {
  readonly shard: number;
  readonly topic: string;
  readonly key: string;
  readonly payload: string;
}

/** Declares a message by its contract; the compiler checks the data. */
export function event<C extends MessageContract>(
  contract: C,
  message: { key: string; sequence?: number; data: z.input<C['data']> },
): Outgoing {
  return { contract, ...message, data: message.data as Record<string, unknown> };
}

/** The queue of a key. */
export const shardOf = (key: string): number => crc32(key) % SHARDS;

/**
 * Seals a message into the CloudEvent that travels: gives it an id, the time, the trace and its cause, checks it
 * against its contract. The id of a stream's event, and its time, are passed in, so that announcing it again is the
 * same message. Throws `payload-too-large` (invalid) beyond MAX_PAYLOAD_BYTES, and a plain Error for data that break
 * the contract: that is a bug.
 */
export function seal(
  outgoing: Outgoing,
  causationId?: string,
  id: string = randomUUIDv7(),
  time = new Date().toISOString(),
): OutboxRow {
  const { contract, key, sequence, again } = outgoing;
  const envelope: CloudEvent = {
    specversion: '1.0',
    id: again?.id ?? id,
    source: contract.source,
    type: contract.type,
    subject: key,
    time: again?.time ?? time,
    datacontenttype: 'application/json',
    ...(sequence === undefined ? {} : { sequence: String(sequence) }),
    traceparent: currentTraceparent(),
    ...(causationId === undefined ? {} : { causationid: causationId }),
    data: contract.data.parse(outgoing.data),
  };
  const payload = JSON.stringify(envelope);
  if (Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES) {
    throw new DomainError(
      'invalid',
      'payload-too-large',
      `${contract.type} for ${key} is larger than ${MAX_PAYLOAD_BYTES} bytes.`,
    );
  }
  return { shard: shardOf(key), topic: contract.topic, key, payload };
}
