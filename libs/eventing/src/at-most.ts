import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for `work`, however it ends, but no longer than `ms`: for stopping, where what hangs must not keep the rest
 * from its end.
 */
export async function atMost(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  await Promise.race([work?.catch(() => {}), sleep(ms, undefined, { ref: false })]);
}
