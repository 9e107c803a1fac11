import { z } from 'zod';

/** RFC 9457 problem details: the shape of every failure of every service. */
export const problem = z
  .object({
    /** A stable URI of the kind of problem; it need not resolve. */
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string().optional(),
    /** A stable kebab-case word to switch on. */
    code: z.string(),
    traceId: z.string().optional(),
    /** For invalid input: what is wrong where, as JSON Pointers. */
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;
