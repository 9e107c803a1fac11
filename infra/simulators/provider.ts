/**
 * The payment provider, simulated: not part of the product but the world outside it. It keeps its word like a real one (idempotency
 * keys, one ledger row per movement of money, both over restarts) and misbehaves on demand (`PUT /knobs`).
 *
 * Environment: PORT, HOST (127.0.0.1), LEDGER_DIR, PROVIDER_KEY.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { announce, endWithLauncher } from './lifeline.ts';
import { Cards } from './provider-cards.ts';
import { Fates, knobs, type Endpoint } from './provider-knobs.ts';
import { Ledger, type LedgerRow } from './provider-ledger.ts';
import { ledgerPage } from './provider-page.ts';

export const providerSettings = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535),
  HOST: z.string().default('127.0.0.1'),
  LEDGER_DIR: z.string().min(1),
  PROVIDER_KEY: z.string().min(8),
});
export type ProviderSettings = z.infer<typeof providerSettings>;

const cardRequest = z.strictObject({ cardNumber: z.string().regex(/^\d{12,19}$/).refine(passesLuhn, 'Not a card number.') });
const authorisationRequest = z.strictObject({
  amount: z.int().min(0),
  currency: z.string().regex(/^[A-Z]{3}$/),
  token: z.string().max(128).regex(/^tok_/),
  reference: z.string().min(1).max(128),
});
const idempotencyKey = z.string().min(8).max(255);
const ledgerQuery = z.strictObject({ reference: z.string().optional() });

/** The provider's own way to say no; its shape is not the shop's. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

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
  serveMoney(app, settings.PROVIDER_KEY, ledger, fates);
  app.addHook('onClose', () => ledger.close());
  const url = await app.listen({ port: settings.PORT, host: settings.HOST });
  return { url, close: () => app.close() };
}

/** The API that merchants integrate with. Tokens need no key: a customer's browser asks for them. */
function serveMoney(app: FastifyInstance, secret: string, ledger: Ledger, fates: Fates): void {
  const cards = new Cards(secret);
  const guarded = { onRequest: async (request: FastifyRequest) => requireKey(request, secret) };

  /** Answers as `work` says, in the way the dice say: late, not at all, or with an error. */
  const money = (endpoint: Endpoint, work: (request: FastifyRequest, key: string) => LedgerRow) => async (request: FastifyRequest, reply: FastifyReply) => {
    const key = idempotencyKey.parse(request.headers['idempotency-key']);
    const fate = await fates.next(endpoint);
    if (fate === 'hang') return reply.hijack();
    if (fate === 'error') throw new Refusal(500, 'internal', 'Something broke on our side.');
    const row = work(request, key);
    if (fate === 'serve-then-hang') return reply.hijack();
    return reply.code(statusOf(row)).send(answerOf(row));
  };

  /** The first answer for a repeated key; the same key for another request is a mistake of the caller. */
  const once = (request: FastifyRequest, key: string, body: unknown, first: (fingerprint: string) => LedgerRow): LedgerRow => {
    const fingerprint = createHash('sha256').update(JSON.stringify([request.url, body])).digest('hex');
    const before = ledger.answered(key);
    if (before && before.fingerprint !== fingerprint) throw new Refusal(422, 'key-reused', 'This Idempotency-Key came with another request.');
    return before ?? first(fingerprint);
  };

  const settle = (entry: 'capture' | 'void') =>
    money(entry, (request, key) =>
      once(request, key, undefined, (fingerprint) => {
        const found = ledger.authorisation((request.params as { id: string }).id);
        if (!found) throw new Refusal(404, 'unknown-authorisation', 'There is no such authorisation.');
        if (found.status !== 'authorised') throw new Refusal(409, `already-${found.status}`, `The authorisation is ${found.status}.`);
        const { authorisationId, reference, amount, currency, lastFour } = found.row;
        return ledger.append({ entry, authorisationId, reference, amount, currency, lastFour, idempotencyKey: key, fingerprint });
      }),
    );

  app.post('/v1/tokens', (request, reply) => reply.code(201).send({ token: cards.seal(cardRequest.parse(request.body).cardNumber) }));
  app.post(
    '/v1/authorisations',
    guarded,
    money('authorise', (request, key) => {
      const { token, ...body } = authorisationRequest.parse(request.body);
      return once(request, key, { token, ...body }, (fingerprint) => {
        const card = cards.open(token);
        const reason = card === undefined ? 'unknown-token' : fates.current.declines[card];
        const about = { authorisationId: `auth_${randomBytes(12).toString('hex')}`, ...body, lastFour: card?.slice(-4) ?? '????' };
        return ledger.append({ entry: reason ? 'decline' : 'authorisation', ...about, reason, idempotencyKey: key, fingerprint });
      });
    }),
  );
  app.post('/v1/authorisations/:id/capture', guarded, settle('capture'));
  app.post('/v1/authorisations/:id/void', guarded, settle('void'));
  app.get('/v1/ledger', guarded, (request) => ({ rows: ledger.rows(ledgerQuery.parse(request.query).reference) }));
}

const statuses = { authorisation: 'authorised', decline: 'declined', capture: 'captured', void: 'voided' } as const;
const statusOf = (row: LedgerRow) => (row.entry === 'decline' ? 402 : row.entry === 'authorisation' ? 201 : 200);
const answerOf = ({ authorisationId: id, entry, reason, amount, currency, reference }: LedgerRow) => ({
  id,
  status: statuses[entry],
  reason,
  amount,
  currency,
  reference,
});

function requireKey(request: FastifyRequest, secret: string): void {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${secret}`))) return;
  throw new Refusal(401, 'unauthorised', 'A merchant key is needed: Authorization: Bearer <key>.');
}

function sendError(error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof Refusal) return reply.code(error.status).send({ error: { code: error.code, message: error.message } });
  if (error instanceof z.ZodError) return reply.code(400).send({ error: { code: 'invalid', message: z.prettifyError(error) } });
  const { statusCode = 500, message } = error as { statusCode?: number; message: string };
  return reply.code(statusCode).send({ error: { code: statusCode < 500 ? 'invalid' : 'internal', message } });
}

/** The checksum every card number ends with (ISO/IEC 7812). */
function passesLuhn(number: string): boolean {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

if (import.meta.main) {
  const provider = await startProvider(providerSettings.parse(process.env));
  endWithLauncher(() => provider.close());
  announce({ url: provider.url });
}
