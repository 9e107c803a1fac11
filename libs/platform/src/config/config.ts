import { z } from 'zod';
import { unfitForProduction } from './production.ts';
import { incomplete, serverSettings, type ServerSettings } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A class whose instances are one parsed environment; also the token under which a service injects it. */
export interface ConfigClass<T = object> {
  new (): T & ServerSettings;
  /** Parses an environment. Throws ConfigError, which names every key that is wrong and no value. */
  parse<C>(this: new () => C, env: Environment): C;
}

/** The environment is wrong. The message names the keys and never the values: it ends up in logs. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * A base class for a service's configuration: `class OrdersConfig extends Config(z.object({ ...databaseSettings }))
 * {}`. Keys are the names of environment variables. What every service needs (`serverSettings`) is added here.
 */
export function Config<S extends z.ZodObject>(schema: S): ConfigClass<z.output<S>> {
  const whole = schema.extend(serverSettings);
  class Parsed {
    static parse<C>(this: new () => C, env: Environment): C {
      return Object.freeze(Object.assign(new this() as object, read(whole, env))) as C;
    }
  }
  return Parsed as unknown as ConfigClass<z.output<S>>;
}

function read(schema: z.ZodObject, env: Environment): object {
  // `KEY=` in a shell or a compose file means "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(given);
  const faults = result.success
    ? [
        ...incomplete(result.data),
        ...(env['NODE_ENV'] === 'production' ? unfitForProduction(readBy(schema, given)) : []),
      ]
    : result.error.issues.map(({ path: [key = ''], message }) =>
        String(key) in given ? `${String(key)}: ${message}` : `${String(key)} is missing`,
      );
  if (!result.success || faults.length > 0) throw new ConfigError(faults.join('; '));
  return result.data;
}

const readBy = (schema: z.ZodObject, given: object) =>
  Object.fromEntries(Object.entries(given).filter(([key]) => key in schema.shape));
