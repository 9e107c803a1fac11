import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { ServerSettings } from '../config/settings.ts';
import { Logger } from '../service/logger.ts';
import { meter } from '../telemetry/metrics.ts';

/** From where on something is behind, and from where on no more: apart, so that it does not flutter. */
export interface Bounds {
  readonly behind: number;
  readonly caughtUp: number;
}

interface Watched extends Bounds {
  readonly level: () => number;
  isBehind: boolean;
}

const [RESOLUTION_MS, LOOK_EVERY_MS] = [10, 50];

/**
 * Whether this process has more to do than it can: its event loop is late, or callers queue for its database. Then new
 * requests are turned away before any work is done for them, so that those under way are finished in time; work that is
 * begun too late is work for nobody.
 */
@Injectable()
export class Overload implements OnApplicationShutdown {
  readonly #watched = new Map<string, Watched>();
  readonly #shed = meter().createCounter('http.server.shed', {
    unit: '{request}',
    description: 'Requests that were turned away unread, by what was behind',
  });
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #looking: NodeJS.Timeout | undefined;
  #late = 0;
  #last = 0;
  #lookedAt = performance.now();

  constructor(
    { SHED_LOOP_DELAY_MS: behind }: Pick<ServerSettings, 'SHED_LOOP_DELAY_MS'>,
    private readonly log: Pick<Logger, 'warn' | 'info'>,
  ) {
    if (behind === 0) return;
    this.#delays.enable();
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    this.watch('event loop', () => this.#late, { behind, caughtUp: behind / 4 });
  }

  /** `level` is asked for at each request: it looks at what is known, and costs nothing. */
  watch(name: string, level: () => number, bounds: Bounds): void {
    this.#watched.set(name, { ...bounds, level, isBehind: false });
  }

  /** What is behind at the moment, if anything. Asked once for each request, which is then counted as turned away. */
  refuses(): string | undefined {
    for (const [name, watched] of this.#watched) {
      if (!this.#isBehind(name, watched)) continue;
      this.#shed.add(1, { reason: name });
      return name;
    }
    return undefined;
  }

  onApplicationShutdown(): void {
    clearInterval(this.#looking);
    this.#delays.disable();
  }

  #isBehind(name: string, watched: Watched): boolean {
    const level = watched.level();
    const isBehind = watched.isBehind ? level > watched.caughtUp : level >= watched.behind;
    if (isBehind !== watched.isBehind) {
      watched.isBehind = isBehind;
      if (isBehind)
        this.log.warn(
          { what: name, level: Math.round(level) },
          'more to do than can be done: new requests are turned away',
        );
      else this.log.info({ what: name }, 'caught up: new requests are taken again');
    }
    return isBehind;
  }

  /**
   * Half of the timers since the last look were later than this, in ms, and so was the look itself where there was time
   * for none; twice in a row: a single long pause, such as a garbage collection, is no overload.
   */
  #look(): void {
    const now = performance.now();
    const timers = this.#delays.count === 0 ? 0 : this.#delays.percentile(50) / 1e6 - RESOLUTION_MS;
    const late = Math.max(0, timers, this.#delays.count === 0 ? now - this.#lookedAt - LOOK_EVERY_MS : 0);
    this.#delays.reset();
    this.#late = Math.min(late, this.#last);
    [this.#last, this.#lookedAt] = [late, now];
  }
}
