import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { forgetKeys, LookedThrough } from '@shop/eventing';
import { Database, Logger } from '@shop/platform';

const EVERY_MS = 60_000;

/** Forgets idempotency keys after their day; several instances at it forget the same ones. */
@Injectable()
export class KeyPurge implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly looked = new LookedThrough();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.look(), EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    await forgetKeys(this.database, this.looked).catch((error: unknown) =>
      this.logger.warn({ err: error }, 'old idempotency keys could not be forgotten; trying again'),
    );
  }
}
