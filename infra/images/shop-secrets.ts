import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { migrationSets } from '../databases.ts';
import { adminTotpOf, secretsOf } from '../secrets.ts';
import { Obstacle } from '../state.ts';

/**
 * What compose.yaml wants to be told, all of it from one seed: `setup` makes the same passwords of it for the roles
 * that it makes.
 */
export function secretVariables(seed: string): Record<string, string> {
  const secret = secretsOf(seed);
  const databases = Object.keys(migrationSets).map((name) => [`${name.toUpperCase()}_DATABASE_PASSWORD`, secret(name)]);
  return {
    SECRETS_SEED: seed,
    POSTGRES_PASSWORD: secret('postgres'),
    ...(Object.fromEntries(databases) as Record<string, string>),
    COOKIE_KEYS: secret('cookies'),
    FACTOR_KEYS: secret('factors'),
    NOTIFICATIONS_CLIENT_SECRET: secret('notifications client'),
    OPERATOR_CLIENT_SECRET: secret('operator client'),
    DEMO_ADMIN_TOTP_SECRET: adminTotpOf(secret),
    PROVIDER_KEY: secret('provider key'),
  };
}

export const newSeed = () => randomBytes(32).toString('hex');

/** What Compose reads by itself. */
export const secretsFile = fileURLToPath(new URL('../../.env', import.meta.url));

/**
 * Written once and kept: the volume of Postgres keeps the password that it was made with. A file of an earlier release
 * gets the secrets that came since, made of its own seed. Says which.
 */
export function makeSecrets(file = secretsFile): 'made' | 'completed' | 'kept' {
  if (existsSync(file)) return completeSecrets(file);
  const head =
    '# Made by "npm run images secrets" for compose.yaml. Git ignores it; remove it together with the volumes: docker compose down --volumes';
  const lines = linesOf({ COMPOSE_PROFILES: 'core', ...secretVariables(newSeed()) });
  writeFileSync(file, `${[head, ...lines].join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  return 'made';
}

function completeSecrets(file: string): 'completed' | 'kept' {
  const text = readFileSync(file, 'utf8');
  const there = parseEnv(text);
  const seed = there['SECRETS_SEED'];
  if (seed === undefined) return 'kept';
  const missing = Object.fromEntries(
    Object.entries(secretVariables(seed)).filter(([name]) => there[name] === undefined),
  );
  if (Object.keys(missing).length === 0) return 'kept';
  appendFileSync(file, `${text.endsWith('\n') ? '' : '\n'}${linesOf(missing).join('\n')}\n`);
  return 'completed';
}

const linesOf = (variables: Record<string, string>) =>
  Object.entries(variables).map(([name, value]) => `${name}=${value}`);

/** What Compose would read, the environment first. */
export function shopVariables(file = secretsFile): Record<string, string | undefined> {
  if (!existsSync(file))
    throw new Obstacle('There is no .env with secrets for compose.yaml. "npm run images secrets" makes it.');
  return { ...parseEnv(readFileSync(file, 'utf8')), ...process.env };
}
