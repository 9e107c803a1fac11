import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { Logger, withoutDeadline } from '@shop/platform';

/**
 * Work that an operator has asked for and does not wait for: one of each name at a time in this process, asked to end
 * when the process is.
 */
@Injectable()
export class Background implements BeforeApplicationShutdown {
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Promise<void>>();

  constructor(private readonly log: Logger) {}

  /**
   * Throws `conflict` while one of that name is under way. What it says goes to the log; what came of it, it writes
   * down itself.
   */
  start(name: string, work: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.#running.has(name))
      throw new DomainError('conflict', 'under-way', `A ${name} is under way here already; see /operations/actions.`);
    const { signal } = this.#stopping;
    const running = withoutDeadline(() => work(signal))
      .then(() => undefined)
      .catch((error: unknown) => this.log.error({ err: error }, `${name} failed`))
      .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
  }

  /** Before the database is closed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping.abort(new Error('the service was stopped'));
    await Promise.all(this.#running.values());
  }
}
