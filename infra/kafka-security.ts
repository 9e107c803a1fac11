import { kafkaSecurity, secured } from '@shop/eventing';

const names = [
  'SECURITY_PROTOCOL',
  'CA_FILE',
  'CERT_FILE',
  'KEY_FILE',
  'SASL_MECHANISM',
  'SASL_USERNAME',
  'SASL_PASSWORD',
].map((name) => `KAFKA_${name}`);

/**
 * How the brokers that KAFKA_BROKERS names are spoken to; those that the launcher starts itself are on loopback, and
 * speak plainly whatever the shell says.
 */
export function kafkaSettings(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  if (!env['KAFKA_BROKERS']) return {};
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** The same for a client of the product. */
export const ownSecurity = () => kafkaSecurity(kafkaSettings());

/** The same for a client of the launcher's own. */
export const givenSecurity = () => secured(ownSecurity());
