import { Injectable } from '@nestjs/common';

/**
 * Undefined when fine, else the reason why not, for people to read. Must be quick: it looks at what is known, and asks
 * nobody.
 */
export type Check = () => string | undefined;

/** What `/health/*` answers. */
export interface HealthReport {
  /** Degraded: it serves, without something that it can do without. */
  readonly status: 'ok' | 'degraded' | 'failing';
  /** Each check's name with `ok` or its reason. */
  readonly checks: Readonly<Record<string, string>>;
}

/**
 * Live: it makes progress; if not, restart it. Ready: send it work. A loop that polls registers a live check on its
 * last success, because a process whose loop is stuck still answers HTTP.
 */
@Injectable()
export class Health {
  readonly #live = new Map<string, Check>();
  readonly #ready = new Map<string, Check>();
  readonly #degraded = new Map<string, Check>();
  #closed: Check | undefined;
  #phase: 'starting' | 'running' | 'draining' = 'starting';

  live(name: string, check: Check): void {
    this.#live.set(name, check);
  }

  ready(name: string, check: Check): void {
    this.#ready.set(name, check);
  }

  /** What the service can do without: it stays ready, and says that it is degraded. */
  degraded(name: string, check: Check): void {
    this.#degraded.set(name, check);
  }

  /**
   * Why nothing at all may be served, whoever asks and whatever he has heard of readiness: requests are turned away
   * while there is a reason.
   */
  closed(check: Check): void {
    this.#closed = check;
  }

  get isClosed(): boolean {
    return this.#closed?.() !== undefined;
  }

  get draining(): boolean {
    return this.#phase === 'draining';
  }

  started(): void {
    this.#phase = 'running';
  }

  drain(): void {
    this.#phase = 'draining';
  }

  report(probe: 'startup' | 'live' | 'ready'): HealthReport {
    const phase = this.#phase;
    if (probe === 'live') return evaluate(this.#live);
    if (probe === 'startup')
      return evaluate(new Map([['service', () => (phase === 'starting' ? 'still starting' : undefined)]]));
    const needed = evaluate(
      new Map([['service', () => (phase === 'running' ? undefined : phase)], ...this.#live, ...this.#ready]),
    );
    const wanted = evaluate(this.#degraded);
    const status = needed.status === 'ok' && wanted.status !== 'ok' ? 'degraded' : needed.status;
    return { status, checks: { ...needed.checks, ...wanted.checks } };
  }
}

function evaluate(checks: ReadonlyMap<string, Check>): HealthReport {
  const results = [...checks].map(([name, check]) => [name, reasonOf(check) ?? 'ok'] as const);
  return {
    status: results.every(([, result]) => result === 'ok') ? 'ok' : 'failing',
    checks: Object.fromEntries(results),
  };
}

/** A check that throws is failing too; the others are still told. */
function reasonOf(check: Check): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
