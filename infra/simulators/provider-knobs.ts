import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const rate = z.number().min(0).max(1);

const misbehaviour = {
  /** Added to every answer, in milliseconds. */
  latencyMs: z.int().min(0).max(60_000),
  /** Share of requests answered 500, nothing done. */
  errorRate: rate,
  /** Share of requests never answered, nothing done. */
  timeoutRate: rate,
  /** Share of requests carried out but never answered: the caller cannot tell this from a time-out. */
  lostAnswerRate: rate,
};
const override = z.strictObject(misbehaviour).partial();

/** How badly the provider behaves: for every endpoint, or otherwise for one. What is left out is well-behaved. */
export const knobs = z.strictObject({
  latencyMs: misbehaviour.latencyMs.default(0),
  errorRate: misbehaviour.errorRate.default(0),
  timeoutRate: misbehaviour.timeoutRate.default(0),
  lostAnswerRate: misbehaviour.lostAnswerRate.default(0),
  /** Where the dice start: the same seed rolls the same numbers. */
  seed: z.int().default(1),
  /** Card numbers that are declined, and why. */
  declines: z
    .record(z.string(), z.string())
    .default({ '4000000000000002': 'card-declined', '4000000000009995': 'insufficient-funds' }),
  /** The ledger answers well unless it is named here: whoever judges what happened has to be able to read it. */
  endpoints: z
    .strictObject({ authorise: override, capture: override, void: override, ledger: override })
    .partial()
    .default({}),
});
export type Knobs = z.infer<typeof knobs>;
export type Endpoint = keyof Knobs['endpoints'];

/** What to do to a request besides serving it. */
export type Fate = 'serve' | 'error' | 'hang' | 'serve-then-hang';

/** Rolls the dice for one request after another. */
export class Fates {
  private roll: () => number;

  constructor(private settings: Knobs = knobs.parse({})) {
    this.roll = dice(settings.seed);
  }

  get current(): Knobs {
    return this.settings;
  }

  set(settings: Knobs): void {
    this.settings = settings;
    this.roll = dice(settings.seed);
  }

  /** Waits the endpoint's latency, then says what happens to this request. */
  async next(endpoint: Endpoint): Promise<Fate> {
    const general = endpoint === 'ledger' ? knobs.parse({}) : this.settings;
    const { latencyMs, errorRate, timeoutRate, lostAnswerRate } = { ...general, ...this.settings.endpoints[endpoint] };
    const [hang, error, lost] = [this.roll(), this.roll(), this.roll()];
    if (latencyMs > 0) await sleep(latencyMs);
    if (hang < timeoutRate) return 'hang';
    if (error < errorRate) return 'error';
    return lost < lostAnswerRate ? 'serve-then-hang' : 'serve';
  }
}

/** mulberry32: numbers in [0, 1) that a seed fixes, which Math.random cannot. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
