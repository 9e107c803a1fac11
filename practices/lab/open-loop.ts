import { setTimeout as sleep } from 'node:timers/promises';

/**
 * So many a second for so long, whatever becomes of those before: resolves when all have ended. `work` is given its
 * number and never throws.
 */
export async function openLoop(rate: number, seconds: number, work: (number: number) => Promise<void>): Promise<void> {
  const began = performance.now();
  const all: Promise<void>[] = [];
  for (let number = 0; number < rate * seconds; number++) {
    await sleep(Math.max(0, began + (number * 1_000) / rate - performance.now()));
    all.push(work(number));
  }
  await Promise.all(all);
}
