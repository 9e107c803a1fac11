import { z } from 'zod';

/**
 * The same schema, refusing fields it does not know at every depth. Services read tolerantly, so that they can be
 * deployed one by one; at the edge an unknown field is a client's mistake, better said than dropped.
 */
export function strict<S extends z.ZodType>(schema: S): S {
  const copy = rebuild(schema) as S;
  const meta = schema.meta();
  return meta ? (copy.meta(meta) as S) : copy;
}

/** Checks and refinements live in the definition and come along with it. */
function rebuild(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const shape = Object.fromEntries(
      Object.entries(schema.def.shape).map(([key, field]) => [key, strict(field as z.ZodType)]),
    );
    return schema.clone({ ...schema.def, shape, catchall: z.never() });
  }
  if (schema instanceof z.ZodArray)
    return schema.clone({ ...schema.def, element: strict(schema.def.element as z.ZodType) });
  if (schema instanceof z.ZodOptional)
    return schema.clone({ ...schema.def, innerType: strict(schema.def.innerType as z.ZodType) });
  if (schema instanceof z.ZodDefault)
    return schema.clone({ ...schema.def, innerType: strict(schema.def.innerType as z.ZodType) });
  return schema;
}
