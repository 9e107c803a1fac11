import { auth, authKeeping } from '@shop/auth';
import { runService } from '@shop/platform';
import { freePorts } from '@shop/infra/ports';
import { serve, takePart } from '../lab/part.ts';
import { naive } from './stores.ts';

/** The product's auth, whole; the variant is only how it keeps refresh tokens. It answers with its issuer's address. */
const { variant, databaseUrl, database } = takePart();
const [port] = await freePorts([0]);
const issuer = `http://127.0.0.1:${port}/oidc`;
const store = naive[variant];
const running = await runService(store === undefined ? auth : authKeeping(store), {
  PORT: String(port),
  LOG_LEVEL: 'warn',
  ISSUER: issuer,
  JWKS_URL: `${issuer}/jwks`,
  DATABASE_URL: databaseUrl,
  COOKIE_KEYS: 'a-cookie-key-of-this-experiment',
  FACTOR_KEYS: 'a-factor-key-of-this-experiment',
  NOTIFICATIONS_CLIENT_SECRET: 'a-secret-of-this-experiment',
});

serve<'issuer'>(
  () => Promise.resolve(issuer),
  () => Promise.all([running.close(), database.close()]),
);
