import { EventEmitter } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LocalRateLimiter, type Quota } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';

/** A process that handles requests in rounds; what it keeps of each is another thing in every case. */
const { variant } = takePart();

export interface Asked {
  readonly what: 'begin' | 'round';
  readonly kind: string;
  /** The first request's number, and how many. */
  readonly from: number;
  readonly requests: number;
}

/** What the process holds, in bytes. */
export interface Held {
  readonly heap: number;
  readonly rss: number;
}

type Handle = (number: number) => void | Promise<unknown>;
type Beginning = () => Handle;

/** Far more than anybody asks for, so that every request is taken and remembered. */
const quota: Quota = { name: 'soak', limit: 1_000, seconds: 3_600 };
const limited =
  (limiter: LocalRateLimiter): Handle =>
  (number) =>
    limiter.take([{ quota, whose: `customer ${number}` }]);

const kinds: Record<string, Beginning> = {
  /** The product's limiter, with the bound that it has, though a smaller one. */
  limiter: () => limited(new LocalRateLimiter(5_000)),
  /** The same, and nobody is ever forgotten. */
  'limiter without bound': () => limited(new LocalRateLimiter(Infinity)),
  /**
   * Each request wants to know when the process ends, and nobody takes the wish back when it is through. Node's warning
   * of it was silenced long ago.
   */
  listeners: () => {
    const life = new EventEmitter().setMaxListeners(0);
    return () => void life.on('end', () => {});
  },
  /** A price list that the first request loads, and that is kept, as it should be. */
  'price list': () => {
    let prices: readonly object[] | undefined;
    return (number) => {
      prices ??= Array.from({ length: 1_000_000 }, (_, product) => ({
        product,
        price: product * 10,
        name: `product ${product}`,
      }));
      if (!prices[number]) throw new Error('there are more requests than products');
    };
  },
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
let handle: Handle | undefined;

serve(
  async ({ what, kind, from, requests }: Asked): Promise<Held> => {
    if (what === 'begin') handle = kinds[kind]?.();
    if (!handle) throw new Error(`no such kind: ${kind}`);
    // As ordinary code does it: what a request needs while it lasts is garbage afterwards.
    for (let number = from; number < from + requests; number++)
      await handle(Number(JSON.parse(JSON.stringify({ number, of: kind })).number));
    // Whoever looks at a process from outside sees what it has not collected yet, too.
    if (variant === 'heap slope') collectGarbage();
    const { heapUsed: heap, rss } = process.memoryUsage();
    return { heap, rss };
  },
  () => Promise.resolve(),
);
