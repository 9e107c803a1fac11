import { Injectable } from '@nestjs/common';
import { Database, Logger, Recurring } from '@shop/platform';
import { KeptSecrets } from '../factors/kept-secrets.ts';
import { purgeMailRequests } from '../mailbox/mail-requests.ts';
import { purgeChallenges } from '../passkeys/passkeys.ts';
import { purgeAttempts } from '../sign-in/guess-limits.ts';
import { purgeEndedSessions, purgeExpired } from './artifact-store.ts';

const batch = 1000;

/**
 * Deletes what has expired, which only keeps tables small, and seals what an older key has sealed with the newest one,
 * so that the older one can be dropped.
 */
@Injectable()
export class Purge extends Recurring {
  constructor(
    private readonly database: Database,
    private readonly secrets: KeptSecrets,
    log: Logger,
  ) {
    super({ what: 'expired sign-in data', everyMs: 60_000, log });
  }

  protected override async look(stopping: AbortSignal): Promise<void> {
    await this.secrets.resealAll(stopping);
    for (const purge of [purgeExpired, purgeAttempts, purgeMailRequests, purgeChallenges, purgeEndedSessions])
      while (!stopping.aborted && (await purge(this.database, batch)) === batch);
  }
}
