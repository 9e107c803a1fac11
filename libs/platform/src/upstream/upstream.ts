import { SpanKind, context } from '@opentelemetry/api';
import { STATUS_CODES } from 'node:http';
import { problem as problemSchema, type Problem } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { handleWhen, retry, type IPolicy } from 'cockatiel';
import type { Dispatcher } from 'undici';
import type { ZodType } from 'zod';
import { mergePatch } from '../http/media-types.ts';
import { typeOf } from '../http/problem-of.ts';
import { NotCalled, type CallOutcome, type CallPolicy } from '../resilience/call-policy.ts';
import { ResilientCalls } from '../resilience/resilient-calls.ts';
import { budgetHeader, endedAfter, remainingBudget } from '../telemetry/deadline.ts';
import { inSpan, startWork, traceHeaders } from '../telemetry/tracing.ts';
import { neverArrived, wasReset } from './failures.ts';
import { Instances } from './instances.ts';
import { UpstreamProblem } from './upstream-problem.ts';

export interface UpstreamOptions {
  /** How long one call may take in all, in ms, unless the request it serves has less left. */
  readonly timeout?: number;
  /** Open connections per instance at most. */
  readonly connections?: number;
  /**
   * Whether a few calls beyond what the service can do wait for their turn. By default they are refused at once: under
   * a flood who waits is only refused later.
   */
  readonly patient?: boolean;
  /** How calls are made (ResilientCalls). */
  readonly calls?: CallPolicy;
}

export interface UpstreamRequest<T> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON, with PATCH as a JSON Merge Patch; URLSearchParams as a form. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** An access token, sent as Bearer. */
  readonly token?: string;
  /** What a 2xx must look like; `z.undefined()` for an empty one. Read tolerantly: unknown fields are dropped. */
  readonly schema: ZodType<T>;
  /**
   * May it happen twice? True for GET, PUT and DELETE unless said otherwise; say true for a POST with an idempotency
   * key.
   */
  readonly idempotent?: boolean;
}

export interface UpstreamResponse<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: T;
}

/**
 * Answers by which a service says that it cannot now. A 500 is a bug of one route and says nothing about the others.
 */
const cannotNow = new Set([502, 503, 504]);

/**
 * Calls to another service, over all its instances: pooled, bounded in time and number, traced, and repeated only where
 * that is safe.
 */
export class Upstream {
  readonly #instances: Instances;
  readonly #timeout: number;
  /**
   * A connection that was refused carried nothing: the next instance may be asked, whatever the method, and it is no
   * repetition.
   */
  readonly #failover: IPolicy;
  /** A connection that broke may have carried everything: only what may happen twice is sent again, once. */
  readonly #calls: CallPolicy;

  constructor(
    readonly name: string,
    urls: readonly string[],
    { timeout = 3_000, connections = 64, patient = false, calls }: UpstreamOptions = {},
  ) {
    this.#timeout = timeout;
    this.#instances = new Instances(urls, connections);
    // In turn, so that each attempt meets another instance.
    this.#failover = retry(handleWhen(neverArrived), { maxAttempts: this.#instances.count - 1 });
    const atOnce = connections * this.#instances.count;
    const queue = Math.ceil(atOnce / 4);
    this.#calls =
      calls ??
      new ResilientCalls({
        name,
        isFailure,
        isPassing: wasReset,
        atOnce,
        queue,
        overload: { slowMs: timeout / 8, isTooMuch, queue: patient ? queue : 0 },
      });
  }

  /** Whether it has as much to do as it can: a request would have to wait for its turn now, or be refused. */
  get isFull(): boolean {
    return this.#calls.isFull;
  }

  /** Throws UpstreamProblem for an answer that is not 2xx, and `unavailable` when there is none in time. */
  async request<T>(request: UpstreamRequest<T>): Promise<UpstreamResponse<T>> {
    const work = startWork(SpanKind.CLIENT, `${request.method} ${this.name}`, context.active(), {
      'http.request.method': request.method,
    });
    return inSpan(work, async () => {
      const answer = await this.#send(request);
      if (answer.status >= 300) throw problemFrom(this.name, answer);
      const parsed = request.schema.safeParse(answer.body);
      if (!parsed.success)
        throw new Error(
          `${this.name} answered ${request.method} with a body of another shape: ${parsed.error.message}`,
        );
      return { ...answer, body: parsed.data };
    });
  }

  async close(): Promise<void> {
    await this.#instances.close();
  }

  async #send<T>(request: UpstreamRequest<T>): Promise<UpstreamResponse<unknown>> {
    const budget = Math.floor(Math.min(this.#timeout, remainingBudget()));
    if (budget <= 0) throw unavailable(this.name, 'deadline-exceeded');
    const deadline = performance.now() + budget;
    const repeatable = request.idempotent ?? ['GET', 'PUT', 'DELETE'].includes(request.method);
    const call = (within: AbortSignal) =>
      this.#failover.execute(() => this.#attempt(request, deadline, within), within);
    // Who came in a hurry says nothing about the service by giving up.
    const isHurried = budget < this.#timeout / 2;
    return endedAfter(budget, async (signal) => {
      try {
        return await this.#calls.execute(isHurried ? hurried(call) : call, { signal, repeatable });
      } catch (error) {
        if (!signal.aborted && !isOutage(error)) throw error;
        throw Object.assign(unavailable(this.name, signal.aborted ? 'deadline-exceeded' : 'unavailable'), {
          cause: error,
        });
      }
    });
  }

  #attempt<T>(request: UpstreamRequest<T>, deadline: number, signal: AbortSignal): Promise<UpstreamResponse<unknown>> {
    return this.#instances.use(async (pool, isEnding) => {
      const answer = await pool.request({ ...optionsOf(request, deadline), signal });
      // What drains says so with each answer: the next request had better go elsewhere than meet a connection that is
      // just being closed.
      if (answer.headers['connection'] === 'close') isEnding();
      return { status: answer.statusCode, headers: flat(answer.headers), body: parse(await answer.body.text()) };
    });
  }
}

const isOutage = (error: unknown) => neverArrived(error) || wasReset(error) || error instanceof NotCalled;

const isFailure = (outcome: CallOutcome) => stateOf(outcome) === 'failing';
const isTooMuch = (outcome: CallOutcome) => stateOf(outcome) !== 'well';

/**
 * What a call's outcome says about the service. `overloaded`: it is there and says so before it does any work; fewer
 * calls are what it needs, not none.
 */
function stateOf(outcome: CallOutcome): 'well' | 'overloaded' | 'failing' {
  if ('error' in outcome) {
    const { error } = outcome;
    return neverArrived(error) || wasReset(error) || (error instanceof Error && error.name === 'TimeoutError')
      ? 'failing'
      : 'well';
  }
  const { status, body } = outcome.answer as UpstreamResponse<unknown>;
  if (!cannotNow.has(status)) return 'well';
  return status === 503 && (body as Partial<Problem> | undefined)?.code === 'overloaded' ? 'overloaded' : 'failing';
}

function hurried<T>(call: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  return async (signal) => {
    try {
      return await call(signal);
    } catch (error) {
      throw signal.aborted ? new Error('Its caller had no more time.', { cause: error }) : error;
    }
  };
}

function optionsOf<T>(
  { method, path, query, body, headers, token }: UpstreamRequest<T>,
  deadline: number,
): Dispatcher.RequestOptions {
  const given = Object.entries({ accept: 'application/json', ...headers, ...traceHeaders(context.active()) });
  const all = Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
  all[budgetHeader] = String(Math.max(1, Math.floor(deadline - performance.now())));
  if (token !== undefined) all.authorization = `Bearer ${token}`;
  const isForm = body instanceof URLSearchParams;
  if (body !== undefined)
    all['content-type'] = isForm
      ? 'application/x-www-form-urlencoded'
      : method === 'PATCH'
        ? mergePatch
        : 'application/json';
  const wanted = Object.fromEntries(Object.entries(query ?? {}).filter(([, value]) => value !== undefined));
  return {
    method,
    path,
    query: wanted,
    headers: all,
    body: body === undefined ? null : isForm ? body.toString() : JSON.stringify(body),
  };
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function problemFrom(upstream: string, answer: UpstreamResponse<unknown>): UpstreamProblem {
  const { status } = answer;
  const code = `${upstream}-${status}`;
  const parsed = problemSchema.safeParse(answer.body);
  const problem: Problem = parsed.success
    ? parsed.data
    : { type: typeOf(code), title: STATUS_CODES[status] ?? 'Error', status, code };
  return new UpstreamProblem(upstream, problem, answer);
}

function unavailable(name: string, code: 'unavailable' | 'deadline-exceeded'): DomainError {
  const why = code === 'unavailable' ? 'does not answer' : 'did not answer in time';
  return new DomainError('unavailable', code, `The service ${name} ${why}. Try again.`);
}
