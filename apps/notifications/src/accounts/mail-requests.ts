import { mailRequestKind, mailRequests, type MailRequest } from '@shop/contracts';
import { Upstream, UpstreamProblem } from '@shop/platform';
import { z } from 'zod';
import { ServiceToken } from './service-token.ts';

/** What auth wants to be sent: handed out for a while, and again until it is said to be done. */
export abstract class MailRequests {
  abstract claim(limit: number): Promise<readonly MailRequest[]>;
  abstract complete(id: string): Promise<void>;
  abstract close(): Promise<void>;
}

export interface AuthMailRequestsOptions {
  /** Auth's instances. */
  readonly urls: readonly string[];
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Fetches them from auth over HTTP. */
export class AuthMailRequests extends MailRequests {
  readonly #auth: Upstream;
  readonly #token: ServiceToken;

  constructor({ urls, clientId, clientSecret }: AuthMailRequestsOptions) {
    super();
    this.#auth = new Upstream('auth', urls, { connections: 2 });
    this.#token = new ServiceToken(this.#auth, { clientId, clientSecret, scope: 'mails:send' });
  }

  override async claim(limit: number): Promise<readonly MailRequest[]> {
    return (await this.#post('/mail-requests/claims', { limit, kinds: mailRequestKind.options }, mailRequests)).items;
  }

  override async complete(id: string): Promise<void> {
    await this.#post(`/mail-requests/${id}/completion`, {}, z.undefined());
  }

  override close(): Promise<void> {
    return this.#auth.close();
  }

  /** Each may happen twice: a claim that was lost is handed out again. */
  async #post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T> {
    const token = await this.#token.current();
    try {
      return (await this.#auth.request({ method: 'POST', path, body, token, schema, idempotent: true })).body;
    } catch (error) {
      if (error instanceof UpstreamProblem && error.status === 401) this.#token.forget();
      throw error;
    }
  }
}
