import { setTimeout as sleep } from 'node:timers/promises';
import { CallPolicy, Upstream } from '@shop/platform';
import { z } from 'zod';
import { serve, takePart } from '../lab/part.ts';

export interface Wish {
  readonly url: string;
  readonly requests: number;
  readonly deadlineMs: number;
  readonly graceMs: number;
}

export interface Told {
  readonly answered: number;
  readonly failed: number;
  readonly waiting: number;
}

/** Makes the call, and tells nobody when its time is up. */
class Patient extends CallPolicy {
  override execute<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return call(new AbortController().signal);
  }
}

/** Calls at once; fewer than half of them hang at any time, so that no circuit opens. */
const CLIENTS = 40;
const { variant } = takePart();

serve<Wish>(
  async ({ url, requests, deadlineMs, graceMs }): Promise<Told> => {
    const naive = variant === 'deadline' ? {} : { calls: new Patient() };
    const upstream = new Upstream('service', [url], { timeout: deadlineMs, connections: requests, ...naive });
    const told = { answered: 0, failed: 0, waiting: 0 };
    const call = async (number: number) => {
      told.waiting++;
      try {
        await upstream.request({ method: 'GET', path: `/${number}`, schema: z.object({}) });
        told.answered++;
      } catch {
        told.failed++;
      }
      told.waiting--;
    };
    // A few at a time; whoever waits beyond its time is left behind, as a client leaves that hangs up.
    const wishes = Array.from({ length: requests }, (_, number) => number).values();
    const client = async () => {
      for (const number of wishes) await Promise.race([call(number), sleep(deadlineMs)]);
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    await sleep(graceMs);
    return { ...told };
  },
  () => Promise.resolve(),
);
