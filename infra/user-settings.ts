import type { ZodType } from 'zod';
import { Obstacle } from './state.ts';

/**
 * Settings that a person may give to all services by the shell, and who knows what they may be. Only what is asked is
 * loaded: most starts are told nothing.
 */
const known = [
  {
    name: /^(OTEL_\w+|LOG_LEVEL|SHED_LOOP_DELAY_MS|MAX_CONNECTIONS)$/,
    schemas: async () => (await import('@shop/platform')).serverSettings,
  },
  {
    name: /^KAFKA_(CLIENT|SECURITY_PROTOCOL|SASL_MECHANISM)$/,
    schemas: async () => (await import('@shop/platform')).busSettings,
  },
  { name: /^OUTBOX_DRIVER$/, schemas: async () => (await import('@shop/platform')).outboxSettings },
  { name: /^RATE_LIMITS$/, schemas: async () => ({ RATE_LIMITS: (await import('@shop/gateway')).rateLimits }) },
];

/**
 * Looks at what a shell says before anything is started. A value that the services would refuse is an Obstacle, with
 * what may stand there. Only OpenTelemetry's variables speak to everything that a person runs: of those, what is not
 * known here is said and left out of `env`, as its specification demands of a value that is not known.
 */
export async function checkSettings(say: (line: string) => void, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const faults: string[] = [];
  for (const { name, schemas } of known) {
    const given = Object.keys(env).filter((each) => name.test(each) && env[each] !== '');
    const shapes: Record<string, ZodType> = given.length > 0 ? await schemas() : {};
    for (const each of given) {
      const result = shapes[each]?.safeParse(env[each]);
      if (result === undefined || result.success) continue;
      const fault = `${each}: ${result.error.issues.map(({ message }) => message).join('; ')}`;
      if (!each.startsWith('OTEL_')) faults.push(fault);
      else {
        say(`${fault}. Left out here`);
        delete env[each];
      }
    }
  }
  if (faults.length > 0)
    throw new Obstacle(`${faults.join('\n')}\nSet it so, or unset it, and start again. Nothing was started.`);
}
