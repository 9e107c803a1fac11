import { z } from 'zod';

type Schemas = Record<string, object>;

/**
 * A zod schema as OpenAPI 3.1 wants it (JSON Schema 2020-12): named schemas (`.meta({ id })`) become components and are referred to.
 * What a format says already is not said again by a pattern, and answers do not promise that no field will ever be added.
 */
export function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): { schema: object; components: Schemas } {
  const { $schema: _, $defs = {}, ...own } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return { schema: referring(own), components: Object.fromEntries(Object.entries($defs).map(([name, part]) => [name, referring(part)])) };
}

function referring<T>(part: T): T {
  return JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;
}
