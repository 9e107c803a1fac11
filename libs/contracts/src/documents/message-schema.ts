import { z } from 'zod';
import { cloudEvent } from '../cloud-event.ts';
import type { MessageContract } from '../message.ts';

/** A JSON Schema of draft 2020-12, as far as zod writes it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/**
 * The whole message as JSON Schema: the CloudEvent with this type's source and data. Tolerant, as readers are: fields
 * it does not name are allowed at every depth. What a format says already is not said again by zod's own pattern, which
 * may change with zod.
 */
export function messageSchema({ type, summary, source, data }: MessageContract): JsonSchema {
  const whole = cloudEvent.extend({ type: z.literal(type), source: z.literal(source), data });
  const { $schema, ...schema } = z.toJSONSchema(whole, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return { $schema, $id: `urn:shop:${type}`, title: type, description: summary, ...schema };
}
