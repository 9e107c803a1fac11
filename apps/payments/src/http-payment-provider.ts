import { id } from '@shop/contracts';
import { DomainError, type Money } from '@shop/kernel';
import { calling, currentTraceparent, endedAfter, NotCalled, ResilientCalls, type CallPolicy } from '@shop/platform';
import { TaskCancelledError } from 'cockatiel';
import { Pool } from 'undici';
import { z } from 'zod';
import type { Authorisation, Standing } from './domain/payment.ts';
import { PaymentProvider, type LedgerPage } from './payment-provider.ts';

const authorisation = z.discriminatedUnion('status', [
  z.object({ status: z.literal('authorised'), id: z.string().min(1) }),
  z.object({ status: z.literal('declined'), reason: z.string().min(1) }),
]);
const settled = z.object({ id: z.string() });
const ledger = z.object({
  rows: z.array(
    z.object({
      number: z.int(),
      reference: z.string(),
      entry: z.enum(['authorisation', 'decline', 'capture', 'void']),
      authorisationId: z.string().min(1),
      amount: z.int(),
      currency: z.string(),
      reason: z.string().optional(),
    }),
  ),
});
const standings = { authorisation: 'authorised', capture: 'captured', void: 'voided', decline: 'declined' } as const;
/** The shop's own references; a merchant's account may have others. */
const isOrder = (reference: string) => id.safeParse(reference).success;

export interface HttpPaymentProviderOptions {
  readonly url: string;
  /** The merchant's secret, sent as a bearer token. */
  readonly key: string;
  /** Longest wait for one answer, in milliseconds. */
  readonly attemptMs?: number;
  /** Longest wait for a call with its repetitions, in milliseconds. */
  readonly deadlineMs?: number;
  /** Called when the circuit opens or closes. */
  readonly onCircuit?: (state: 'open' | 'closed') => void;
  /** How calls that move money are made, and how the ledger is asked (ResilientCalls). */
  readonly calls?: (what: 'moves' | 'looks') => CallPolicy;
}

/** Calls at once: moves that hang must not keep the ledger from being asked. */
const atOnce = { moves: 24, looks: 8 } as const;

/**
 * The provider's HTTP API. Every move carries an Idempotency-Key made from the order, so it is safe to repeat: at most
 * twice here, with jitter and within a retry budget, and later by whoever finds out what became of it. A provider that
 * fails half of ten seconds' calls is left alone for a while instead of waited for.
 */
export class HttpPaymentProvider extends PaymentProvider {
  readonly #pool: Pool;
  readonly #key: string;
  readonly #base: URL;
  readonly #deadlineMs: number;
  readonly #moves: CallPolicy;
  /** Another circuit: the ledger is wanted most when moves go unanswered. */
  readonly #looks: CallPolicy;

  constructor({ url, key, attemptMs = 2_000, deadlineMs = 5_000, onCircuit, calls }: HttpPaymentProviderOptions) {
    super();
    this.#base = new URL(url);
    this.#key = key;
    this.#deadlineMs = deadlineMs;
    const connections = atOnce.moves + atOnce.looks;
    this.#pool = new Pool(this.#base.origin, {
      connections,
      connect: { timeout: attemptMs },
      headersTimeout: attemptMs,
      bodyTimeout: attemptMs,
    });
    const make = calls ?? ((what) => resilient(what, attemptMs, onCircuit));
    [this.#moves, this.#looks] = [make('moves'), make('looks')];
  }

  override async authorise(
    orderId: string,
    { amount, currency, paymentToken }: Money & { paymentToken: string },
  ): Promise<Authorisation> {
    const answer = await this.#post(
      '/v1/authorisations',
      `${orderId}:authorise`,
      { amount, currency, token: paymentToken, reference: orderId },
      authorisation,
    );
    return answer.status === 'authorised' ? { status: 'authorised', paymentId: answer.id } : answer;
  }

  override async capture(orderId: string, paymentId: string): Promise<void> {
    await this.#post(`/v1/authorisations/${encodeURIComponent(paymentId)}/capture`, `${orderId}:capture`, {}, settled);
  }

  override async void(orderId: string, paymentId: string): Promise<void> {
    await this.#post(`/v1/authorisations/${encodeURIComponent(paymentId)}/void`, `${orderId}:void`, {}, settled);
  }

  override async standing(orderId: string): Promise<Standing> {
    const { rows } = await this.#ask(
      this.#looks,
      { method: 'GET', path: '/v1/ledger', query: { reference: orderId } },
      ledger,
    );
    const last = rows.at(-1);
    if (!last) return { status: 'none' };
    const { entry, authorisationId: paymentId, amount, currency, reason = 'declined' } = last;
    return entry === 'decline'
      ? { status: 'declined', reason }
      : { status: standings[entry], paymentId, amount, currency };
  }

  override async ledger(after: number): Promise<LedgerPage> {
    const { rows } = await this.#ask(
      this.#looks,
      { method: 'GET', path: '/v1/ledger', query: { after: String(after), limit: '500' } },
      ledger,
    );
    const entries = rows
      .filter(({ reference }) => isOrder(reference))
      .map(({ reference, entry }) => ({ orderId: reference, status: standings[entry] }));
    const last = rows.at(-1)?.number;
    return { entries, ...(last !== undefined && { last }) };
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #post<T>(path: string, idempotencyKey: string, body: object, schema: z.ZodType<T>): Promise<T> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
    return this.#ask(this.#moves, { method: 'POST', path, headers, body: JSON.stringify(body) }, schema);
  }

  async #ask<T>(policy: CallPolicy, ask: Ask, schema: z.ZodType<T>): Promise<T> {
    try {
      const told = { 'http.request.method': ask.method, 'peer.service': 'payment-provider' };
      const call = (signal: AbortSignal) =>
        calling(`${ask.method} payment provider`, told, () => this.#attempt(ask, schema, signal));
      return await endedAfter(this.#deadlineMs, (signal) => policy.execute(call, { signal, repeatable: true }));
    } catch (error) {
      throw isTransient(error) ? unavailable(error) : error;
    }
  }

  async #attempt<T>({ path, headers, ...request }: Ask, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const ours = { authorization: `Bearer ${this.#key}`, traceparent: currentTraceparent() };
    const answer = await this.#pool.request({
      ...request,
      path: new URL(path, this.#base).pathname,
      headers: { ...ours, ...headers },
      signal,
    });
    const text = await answer.body.text();
    const ok = answer.statusCode < 300 || answer.statusCode === 402;
    return ok ? schema.parse(JSON.parse(text)) : refuse(answer.statusCode);
  }
}

interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

function resilient(
  what: keyof typeof atOnce,
  attemptMs: number,
  onCircuit: HttpPaymentProviderOptions['onCircuit'],
): CallPolicy {
  return new ResilientCalls({
    name: `payment-provider-${what}`,
    isFailure: (outcome) => 'error' in outcome && isTransient(outcome.error),
    isPassing: isTransient,
    retries: 2,
    longestPause: 500,
    atOnce: atOnce[what],
    queue: 2 * atOnce[what],
    attemptMs,
    leftAloneMs: [500, 10_000],
    ...(onCircuit && { onCircuit }),
  });
}

/** 408, 425, 429 and 5xx may pass, and so may a key that is being changed; any other answer will never be another. */
function refuse(status: number): never {
  if (status >= 500 || [401, 403, 408, 425, 429].includes(status)) {
    throw new DomainError('unavailable', 'provider-unavailable', `The payment provider answered ${status}.`);
  }
  throw new DomainError('conflict', 'provider-refused', `The payment provider refused with ${status}.`);
}

/**
 * Everything but a definite refusal: time-outs, broken connections and answers that make no sense leave open what was
 * done.
 */
function isTransient(error: unknown): boolean {
  return !(error instanceof DomainError) || error.kind === 'unavailable';
}

function unavailable(error: unknown): Error {
  if (error instanceof DomainError) return error;
  const why =
    error instanceof NotCalled
      ? error.message
      : error instanceof TaskCancelledError || (error as Error).name === 'TimeoutError'
        ? 'did not answer in time'
        : `could not be asked: ${(error as { code?: string }).code ?? String(error)}`;
  return new DomainError('unavailable', 'provider-unavailable', `The payment provider ${why}.`);
}
