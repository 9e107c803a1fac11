import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Cards } from './provider-cards.ts';
import type { Endpoint, Fates } from './provider-knobs.ts';
import type { Ledger, LedgerRow } from './provider-ledger.ts';

const cardRequest = z.strictObject({
  cardNumber: z
    .string()
    .regex(/^\d{12,19}$/)
    .refine(passesLuhn, 'Not a card number.'),
});
const authorisationRequest = z.strictObject({
  amount: z.int().min(0),
  currency: z.string().regex(/^[A-Z]{3}$/),
  token: z.string().max(128).regex(/^tok_/),
  reference: z.string().min(1).max(128),
});
const idempotencyKey = z.string().min(8).max(255);
const byId = z.object({ id: z.string() });
const ledgerQuery = z.strictObject({
  reference: z.string().optional(),
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).optional(),
});

/** The provider's own way to say no; its shape is not the shop's. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The API that merchants integrate with. Tokens need no key: a customer's browser asks for them. */
export class MerchantApi {
  readonly #cards: Cards;

  constructor(
    private readonly secret: string,
    private readonly ledger: Ledger,
    private readonly fates: Fates,
  ) {
    this.#cards = new Cards(secret);
  }

  serveOn(app: FastifyInstance): void {
    const guarded = { onRequest: async (request: FastifyRequest) => this.#requireKey(request) };
    app.post('/v1/tokens', (request, reply) =>
      reply.code(201).send({ token: this.#cards.seal(cardRequest.parse(request.body).cardNumber) }),
    );
    app.post(
      '/v1/authorisations',
      guarded,
      this.#money('authorise', (request, key) => this.#authorise(request, key)),
    );
    for (const entry of ['capture', 'void'] as const) {
      app.post(
        `/v1/authorisations/:id/${entry}`,
        guarded,
        this.#money(entry, (request, key) => this.#settle(entry, request, key)),
      );
    }
    app.get(
      '/v1/ledger',
      guarded,
      this.#fated('ledger', (request) => (reply) => reply.send({ rows: this.#page(ledgerQuery.parse(request.query)) })),
    );
  }

  /** Oldest first, behind a row's number, so many at most. */
  #page({ reference, after, limit }: z.output<typeof ledgerQuery>): readonly LedgerRow[] {
    const rows = this.ledger.rows(reference).filter(({ number }) => number > after);
    return limit === undefined ? rows : rows.slice(0, limit);
  }

  #money(endpoint: Endpoint, work: (request: FastifyRequest, key: string) => LedgerRow) {
    return this.#fated(endpoint, (request) => {
      const row = work(request, idempotencyKey.parse(request.headers['idempotency-key']));
      return (reply) => reply.code(statusOf(row)).send(answerOf(row));
    });
  }

  /** Answers with what `work` did, in the way the dice say: late, not at all, or with an error. */
  #fated(endpoint: Endpoint, work: (request: FastifyRequest) => (reply: FastifyReply) => FastifyReply) {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      const fate = await this.fates.next(endpoint);
      if (fate === 'hang') return reply.hijack();
      if (fate === 'error') throw new Refusal(500, 'internal', 'Something broke on our side.');
      const answer = work(request);
      return fate === 'serve-then-hang' ? reply.hijack() : answer(reply);
    };
  }

  #authorise(request: FastifyRequest, key: string): LedgerRow {
    const { token, ...body } = authorisationRequest.parse(request.body);
    return this.#once(key, [request.url, token, body], (fingerprint) => {
      const card = this.#cards.open(token);
      const reason = card === undefined ? 'unknown-token' : this.fates.current.declines[card];
      const about = {
        authorisationId: `auth_${randomBytes(12).toString('hex')}`,
        ...body,
        lastFour: card?.slice(-4) ?? '????',
      };
      return this.ledger.append({
        entry: reason ? 'decline' : 'authorisation',
        ...about,
        reason,
        idempotencyKey: key,
        fingerprint,
      });
    });
  }

  #settle(entry: 'capture' | 'void', request: FastifyRequest, key: string): LedgerRow {
    return this.#once(key, [request.url], (fingerprint) => {
      const found = this.ledger.authorisation(byId.parse(request.params).id);
      if (!found) throw new Refusal(404, 'unknown-authorisation', 'There is no such authorisation.');
      if (found.status !== 'authorised')
        throw new Refusal(409, `already-${found.status}`, `The authorisation is ${found.status}.`);
      const { authorisationId, reference, amount, currency, lastFour } = found.row;
      return this.ledger.append({
        entry,
        authorisationId,
        reference,
        amount,
        currency,
        lastFour,
        idempotencyKey: key,
        fingerprint,
      });
    });
  }

  /** The first answer for a repeated key; the same key for another request is a mistake of the caller. */
  #once(key: string, request: unknown, first: (fingerprint: string) => LedgerRow): LedgerRow {
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const before = this.ledger.answered(key);
    if (before && before.fingerprint !== fingerprint)
      throw new Refusal(422, 'key-reused', 'This Idempotency-Key came with another request.');
    return before ?? first(fingerprint);
  }

  #requireKey(request: FastifyRequest): void {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${this.secret}`))) return;
    throw new Refusal(401, 'unauthorised', 'A merchant key is needed: Authorization: Bearer <key>.');
  }
}

const statuses = { authorisation: 'authorised', decline: 'declined', capture: 'captured', void: 'voided' } as const;
const statusCodes = { authorisation: 201, decline: 402, capture: 200, void: 200 } as const;
const statusOf = ({ entry }: LedgerRow) => statusCodes[entry];
const answerOf = ({ authorisationId: id, entry, reason, amount, currency, reference }: LedgerRow) => ({
  id,
  status: statuses[entry],
  reason,
  amount,
  currency,
  reference,
});

/** The checksum every card number ends with (ISO/IEC 7812). */
function passesLuhn(number: string): boolean {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
