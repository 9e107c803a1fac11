import { validationFailed } from '@shop/platform';
import type { z } from 'zod';

/**
 * An argument as the contract wants it; what the contract refuses and the schema of the graph cannot say is
 * `validation-failed`, as in REST.
 */
export function validated<T>(schema: z.ZodType<T>, argument: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw validationFailed(parsed.error.issues, `/${argument}`);
}
