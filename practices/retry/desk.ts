import type { ServerResponse } from 'node:http';

/**
 * A provider with one desk: it serves one call after the other, each in its time, first come first served; also those
 * whose caller has left meanwhile, because nobody tells it.
 */
export class Desk {
  /** When whoever comes now has its turn. */
  private freeAt = performance.now();
  private done = 0;
  private readonly waiting: { count: number; resolve: () => void }[] = [];

  constructor(private readonly serviceMs: number) {}

  serve(response: ServerResponse): void {
    this.freeAt = Math.max(this.freeAt, performance.now()) + this.serviceMs;
    setTimeout(() => {
      response
        .writeHead(201, { 'content-type': 'application/json' })
        .end(JSON.stringify({ status: 'authorised', id: `auth_${this.done}` }));
      this.done++;
      for (const { count, resolve } of this.waiting) if (this.done >= count) resolve();
    }, this.freeAt - performance.now()).unref();
  }

  /** Nothing is served for so long. */
  pause(ms: number): void {
    this.freeAt = Math.max(this.freeAt, performance.now()) + ms;
  }

  /** Resolves when so many have been served. */
  served(count: number): Promise<void> {
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}
