import { setTimeout as sleep } from 'node:timers/promises';
import { productPage } from '@shop/contracts';
import { popular } from '../lab/seed.ts';
import { inTurn } from './front.ts';
import type { Site } from './site.ts';

/** One read as its reader saw it. */
export interface Reading {
  readonly ok: boolean;
  readonly ms: number;
  /** What came in the place of a page; nothing where none came at all. */
  readonly status?: number;
  /** What its problem said. */
  readonly detail?: string;
}

const READ_MS = 10_000;

/**
 * People who look at products, as popular as these are, at a fixed rate, whatever becomes of the reads before (open
 * loop).
 */
export class Readers {
  /** Reads begun so far. */
  begun = 0;

  private constructor(
    private readonly choose: () => string,
    private readonly next: () => string,
    private readonly rate: number,
  ) {}

  /** `rate`: reads a second. */
  static async open(
    site: Site,
    next: () => number,
    { choose = inTurn(site.shop.instances.gateway), rate = 40 } = {},
  ): Promise<Readers> {
    const answer = await fetch(`${site.shop.urls.gateway}/v1/products?limit=100`, {
      signal: AbortSignal.timeout(READ_MS),
    });
    const { items } = productPage.parse(await answer.json());
    const paths = ['/v1/products', ...items.map(({ id }) => `/v1/products/${id}`)];
    return new Readers(choose, popular(next, paths), rate);
  }

  /** Reads for so many ms, or until something has come to its end, good or bad; comes back when each has its answer. */
  async read(during: number | Promise<unknown>): Promise<Reading[]> {
    const under: Promise<Reading>[] = [];
    let over = false;
    const end = () => (over = true);
    (typeof during === 'number' ? sleep(during) : during).then(end, end);
    for (let due = performance.now(); !over; due += 1_000 / this.rate) {
      await sleep(Math.max(0, due - performance.now()));
      this.begun++;
      under.push(this.one());
    }
    return Promise.all(under);
  }

  private async one(): Promise<Reading> {
    const since = performance.now();
    try {
      const answer = await fetch(this.choose() + this.next(), { signal: AbortSignal.timeout(READ_MS) });
      const text = await answer.text();
      const ok = answer.status === 200;
      return { ok, ms: performance.now() - since, status: answer.status, ...(!ok && { detail: text.slice(0, 300) }) };
    } catch {
      return { ok: false, ms: performance.now() - since };
    }
  }
}
