import { z } from 'zod';

/**
 * CloudEvents 1.0, structured mode (`application/cloudevents+json`): the value of every message on every bus, so that
 * any reader sees a complete event without its headers. Read tolerantly: unknown attributes are passed over.
 */
export const cloudEvent = z.object({
  specversion: z.literal('1.0'),
  /** Unique per source; the inbox deduplicates by it. */
  id: z.string().min(1).max(128),
  /** The service that says so, e.g. `/orders`. */
  source: z.string().min(1),
  /** `<context>.<what-happened>.v<major>`. */
  type: z.string().regex(/^[a-z]+(\.[a-z0-9-]+)+\.v\d+$/),
  /** What it is about; also the message key, within which order is kept. */
  subject: z.string().min(1).max(128),
  /** When it was recorded, ISO 8601 UTC. */
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json').optional(),
  /** Position in the subject's stream from 1, without gaps (extension "sequence"); absent on commands. */
  sequence: z
    .string()
    .regex(/^[1-9]\d*$/)
    .optional(),
  /** W3C Trace Context of the request that caused it (extension "distributed tracing"). */
  traceparent: z.string().optional(),
  /** The id of the message that caused this one. */
  causationid: z.string().optional(),
  data: z.record(z.string(), z.unknown()),
});
export type CloudEvent = z.infer<typeof cloudEvent>;

/** The content type of a structured CloudEvent. */
export const cloudEventContentType = 'application/cloudevents+json; charset=utf-8';
