import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database, Logger } from '@shop/platform';
import { purgeAttempts } from '../sign-in/guess-limits.ts';
import { purgeExpired } from './artifact-store.ts';

const everyMs = 60_000;
const batch = 1000;

/** Sweeps out what has expired. Nothing depends on it: the provider looks at the expiry itself; it only keeps the table small. */
@Injectable()
export class Purge implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopped = new AbortController();
  private sweeping: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep();
    }, everyMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.stopped.abort();
    await this.sweeping;
  }

  private async sweep(): Promise<void> {
    try {
      for (const purge of [purgeExpired, purgeAttempts]) while (!this.stopped.signal.aborted && (await purge(this.database, batch)) === batch);
    } catch (error) {
      this.logger.warn({ err: error }, 'expired sign-in data could not be swept out; the next minute tries again');
    } finally {
      this.sweeping = undefined;
    }
  }
}
