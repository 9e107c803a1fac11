import { Injectable } from '@nestjs/common';
import { Database, Logger, Recurring } from '@shop/platform';
import { purgeMailRequests } from '../mailbox/mail-requests.ts';
import { purgeAttempts } from '../sign-in/guess-limits.ts';
import { purgeExpired } from './artifact-store.ts';

const batch = 1000;

/** Sweeps out what has expired. Nothing depends on it: the provider looks at the expiry itself; it only keeps the table small. */
@Injectable()
export class Purge extends Recurring {
  constructor(
    private readonly database: Database,
    log: Logger,
  ) {
    super({ what: 'expired sign-in data', everyMs: 60_000, log });
  }

  protected override async look(stopping: AbortSignal): Promise<void> {
    for (const purge of [purgeExpired, purgeAttempts, purgeMailRequests]) while (!stopping.aborted && (await purge(this.database, batch)) === batch);
  }
}
