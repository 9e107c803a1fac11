import { consumers } from '@shop/contracts';
import type { MessageBus } from './bus.ts';
import type { ConsumerRuntime } from './consumer-runtime.ts';

/** How often the bus is asked while a consumer hears nothing of it; its answer counts for twice as long. */
const ASK_EVERY_MS = 5_000;

/**
 * Which consumers are stuck: those that have heard nothing for a while of a bus that answers this very process. When
 * the bus answers nobody, nobody is stuck: to start again would not bring it back, and everybody would.
 */
export class StuckConsumers {
  readonly #bus: MessageBus;
  readonly #staleAfterMs: number;
  readonly #runtimes: Pick<ConsumerRuntime, 'name' | 'idleMs'>[] = [];
  #answeredAt = -Infinity;
  #asking: NodeJS.Timeout | undefined;

  constructor(bus: MessageBus, staleAfterMs: number) {
    this.#bus = bus;
    this.#staleAfterMs = staleAfterMs;
  }

  /** Watches a consumer; the check says why it is stuck, or nothing. */
  watch(runtime: Pick<ConsumerRuntime, 'name' | 'idleMs'>): () => string | undefined {
    this.#runtimes.push(runtime);
    this.#asking ??= setInterval(() => void this.#ask(), ASK_EVERY_MS).unref();
    return () => {
      const ms = runtime.idleMs();
      if (ms <= this.#staleAfterMs || performance.now() - this.#answeredAt > 2 * ASK_EVERY_MS) return undefined;
      return `last poll ${ms} ms ago, and the bus answers`;
    };
  }

  stop(): void {
    clearInterval(this.#asking);
  }

  async #ask(): Promise<void> {
    const silent = this.#runtimes.find((runtime) => runtime.idleMs() > this.#staleAfterMs);
    if (!silent) return;
    await this.#bus.end(silent.name, consumers[silent.name]).then(
      () => (this.#answeredAt = performance.now()),
      () => undefined,
    );
  }
}
