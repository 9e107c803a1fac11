import { currency, paymentToken, sku } from '@shop/contracts';
import { z } from 'zod';

/** How long text is at most of which a format or a pattern says so already, for those who read neither. */
const ofFormat: Readonly<Record<string, number>> = { uuid: 36, 'date-time': 35, email: 254 };
export const ofPattern: ReadonlyMap<z.ZodType, number> = new Map<z.ZodType, number>([
  [currency, 3],
  [sku, 64],
  [paymentToken, 68],
]);
/** What no answer goes beyond; `npm run security fuzz` compares each answer with its schema. */
const inAnswers = { maxLength: 4_096, maxItems: 1_000 } as const;

type Schemas = Record<string, object>;

/**
 * A zod schema as OpenAPI 3.1 wants it (JSON Schema 2020-12): named schemas (`.meta({ id })`) become components and are
 * referred to. What a format says already is not said again by a pattern, and answers do not promise that no field will
 * ever be added.
 */
export function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): { schema: object; components: Schemas } {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema, zodSchema }) => {
      bound(jsonSchema, ofPattern.get(zodSchema as unknown as z.ZodType), io);
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return {
    schema: referring(own),
    components: Object.fromEntries(Object.entries($defs).map(([name, part]) => [name, referring(part)])),
  };
}

/**
 * Says of every number how wide it is, and of every text and list how long, so that a client knows what it has to be
 * ready for (OWASP API4:2023).
 */
function bound(schema: z.core.JSONSchema.BaseSchema, length: number | undefined, io: 'input' | 'output'): void {
  if (schema.type === 'integer')
    schema.format =
      (schema.maximum ?? Infinity) < 2 ** 31 && (schema.minimum ?? -Infinity) >= -(2 ** 31) ? 'int32' : 'int64';
  if (schema.type === 'string' && schema.enum === undefined && schema.const === undefined) {
    schema.maxLength ??= length ?? ofFormat[schema.format ?? ''] ?? (io === 'output' ? inAnswers.maxLength : undefined);
  }
  if (schema.type === 'array' && io === 'output') schema.maxItems ??= inAnswers.maxItems;
}

function referring<T>(part: T): T {
  return JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;
}
