import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Database, Logger } from '@shop/platform';
import type { JWK } from 'jose';
import type { Provider } from 'oidc-provider';
import type { Audit } from '../audit/audit.ts';
import { rotate, signingKeys, type KeyTimes } from './signing-keys.ts';

type Make = (keys: JWK[]) => Provider;
type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** No key may sign before every instance publishes it, so each looks far more often than a key is published ahead. */
const looksPerLead = 8;
const rarestMs = 30_000;

/**
 * The provider that answers now. The library takes its keys once, so with new keys another one is made; it keeps
 * nothing in memory, and what is under way ends where it began.
 */
export class ProviderHost implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private keys = '';
  private handle!: Handle;
  provider!: Provider;

  private constructor(
    private readonly make: Make,
    private readonly parts: { database: Database; audit: Audit; logger: Logger; times: KeyTimes },
  ) {}

  static async open(
    make: Make,
    parts: { database: Database; audit: Audit; logger: Logger; times: KeyTimes },
  ): Promise<ProviderHost> {
    const host = new ProviderHost(make, parts);
    await host.useKeys();
    return host;
  }

  answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.handle(request, response);
  }

  /** Makes the next key now, unless one is on its way; answers its id. */
  async rotate(by: string): Promise<string | undefined> {
    return this.added(await rotate(this.parts.database, this.parts.times, { now: true }), by);
  }

  onApplicationBootstrap(): void {
    const everyMs = Math.min(rarestMs, (this.parts.times.lead * 1_000) / looksPerLead);
    this.timer = setInterval(() => {
      this.looking ??= this.look();
    }, everyMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    const { database, times, logger } = this.parts;
    try {
      await this.added(await rotate(database, times, { now: false }), 'its age');
      await this.useKeys();
    } catch (error) {
      logger.warn({ err: error }, 'the signing keys could not be looked at; those that are known go on');
    } finally {
      this.looking = undefined;
    }
  }

  private async added(kid: string | undefined, by: string): Promise<string | undefined> {
    if (kid === undefined) return undefined;
    await this.parts.audit.note('key-added', { details: { kid, by } });
    await this.useKeys();
    return kid;
  }

  private async useKeys(): Promise<void> {
    const keys = await signingKeys(this.parts.database);
    const known = keys.map(({ kid }) => kid).join();
    if (known === this.keys) return;
    this.provider = this.make(keys);
    this.handle = this.provider.callback();
    this.keys = known;
  }
}
