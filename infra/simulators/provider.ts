/**
 * The payment provider, simulated: not part of the product but the world outside it. It keeps its word like a real one
 * (idempotency keys, one ledger row per movement of money, both over restarts) and misbehaves on demand (`PUT /knobs`).
 *
 * Environment: PORT, HOST (127.0.0.1), LEDGER_DIR, PROVIDER_KEY.
 */
import Fastify, { type FastifyReply } from 'fastify';
import { z } from 'zod';
import { announce, endWithLauncher } from './lifeline.ts';
import { MerchantApi, Refusal } from './provider-api.ts';
import { Fates, knobs } from './provider-knobs.ts';
import { Ledger } from './provider-ledger.ts';
import { ledgerPage } from './provider-page.ts';

export const providerSettings = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535),
  HOST: z.string().default('127.0.0.1'),
  LEDGER_DIR: z.string().min(1),
  PROVIDER_KEY: z.string().min(8),
});
export type ProviderSettings = z.infer<typeof providerSettings>;

/** Starts the provider; `url` is where it listens. */
export async function startProvider(settings: ProviderSettings): Promise<{ url: string; close(): Promise<void> }> {
  const app = Fastify({ forceCloseConnections: true, bodyLimit: 16_384, keepAliveTimeout: 65_000 });
  const ledger = new Ledger(settings.LEDGER_DIR);
  const fates = new Fates();
  app.setErrorHandler((error, _request, reply) => sendError(error, reply));
  app.get('/', (_request, reply) => reply.type('text/html').send(ledgerPage(ledger.rows(), fates.current)));
  app.get('/health', () => ({ status: 'ok' }));
  app.get('/knobs', () => fates.current);
  app.put('/knobs', (request) => {
    fates.set(knobs.parse(request.body));
    return fates.current;
  });
  new MerchantApi(settings.PROVIDER_KEY, ledger, fates).serveOn(app);
  app.addHook('onClose', () => ledger.close());
  const url = await app.listen({ port: settings.PORT, host: settings.HOST });
  return { url, close: () => app.close() };
}

function sendError(error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof Refusal)
    return reply.code(error.status).send({ error: { code: error.code, message: error.message } });
  if (error instanceof z.ZodError)
    return reply.code(400).send({ error: { code: 'invalid', message: z.prettifyError(error) } });
  const { statusCode = 500, message } = error as { statusCode?: number; message: string };
  return reply.code(statusCode).send({ error: { code: statusCode < 500 ? 'invalid' : 'internal', message } });
}

if (import.meta.main) {
  const provider = await startProvider(providerSettings.parse(process.env));
  endWithLauncher(() => provider.close());
  announce({ url: provider.url });
}
