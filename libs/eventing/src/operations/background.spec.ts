import type { Logger } from '@shop/platform';
import { describe, expect, it } from 'vitest';
import { Background } from './background.ts';

const failures: unknown[] = [];
const log = { error: ({ err }: { err: unknown }) => failures.push(err) } as unknown as Logger;
const never = (signal: AbortSignal) =>
  new Promise((_, stopped) => signal.addEventListener('abort', () => stopped(signal.reason as Error)));

describe('work in the background', () => {
  it('is one of its name at a time, and may be begun again when it is done', async () => {
    const background = new Background(log);
    let finish = () => {};
    background.start('rebuild', () => new Promise<void>((done) => (finish = done)));
    background.start('replay', () => Promise.resolve());
    expect(() => background.start('rebuild', () => Promise.resolve())).toThrow('A rebuild is under way here already');
    finish();
    await background.beforeApplicationShutdown();
    expect(() => background.start('rebuild', () => Promise.resolve())).not.toThrow();
  });

  it('is asked to end with the service, waited for, and its failure told', async () => {
    const background = new Background(log);
    background.start('rebuild', never);
    await background.beforeApplicationShutdown();
    expect(failures).toEqual([expect.objectContaining({ message: 'the service was stopped' })]);
  });
});
