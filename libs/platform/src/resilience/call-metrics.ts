import { meter } from '../telemetry/metrics.ts';

export interface CallLevels {
  /** 0 closed, 1 half open, 2 open. */
  readonly circuit: number;
  /** Calls under way at most, at the moment. */
  readonly limit: number;
  readonly active: number;
  readonly queued: number;
}

/** What becomes of calls to one party: `open` and `full` were not made at all. */
export type CallOutcome = 'ok' | 'failed' | 'late' | 'open' | 'full';

/** Counts calls and repetitions of one party, and shows its circuit and its bulkhead. */
export class CallMetrics {
  readonly #about: { readonly upstream: string };
  readonly #calls = meter().createCounter('upstream.calls', {
    unit: '{call}',
    description: 'Calls to another party, by what became of them',
  });
  readonly #retries = meter().createCounter('upstream.retries', {
    unit: '{call}',
    description: 'Calls that were worth repeating: made, or refused by the retry budget',
  });

  constructor(upstream: string, levels: () => CallLevels) {
    this.#about = { upstream };
    const gauge = (name: string, unit: string, description: string) =>
      meter().createObservableGauge(name, { unit, description });
    const circuit = gauge('upstream.circuit.state', '1', '0 closed, 1 half open, 2 open');
    const limit = gauge(
      'upstream.limit',
      '{call}',
      'Calls under way at most, by what the other party can do at the moment',
    );
    const active = gauge('upstream.bulkhead.active', '{call}', 'Calls under way');
    const queued = gauge('upstream.bulkhead.queued', '{call}', 'Calls that wait for their turn');
    meter().addBatchObservableCallback(
      (result) => {
        const now = levels();
        result.observe(circuit, now.circuit, this.#about);
        result.observe(limit, now.limit, this.#about);
        result.observe(active, now.active, this.#about);
        result.observe(queued, now.queued, this.#about);
      },
      [circuit, limit, active, queued],
    );
  }

  called(outcome: CallOutcome): void {
    this.#calls.add(1, { ...this.#about, outcome });
  }

  repeated(outcome: 'made' | 'refused'): void {
    this.#retries.add(1, { ...this.#about, outcome });
  }
}
