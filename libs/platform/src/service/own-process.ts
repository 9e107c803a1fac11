import type { RunningService } from './run-service.ts';
import { StartupFailure } from './startup-failure.ts';

/** How long draining may take, in ms; whoever sent SIGTERM kills after 30 s. */
const drainLimit = 25_000;

const running = new Set<RunningService>();
let watching = false;
let stopping = false;

/**
 * Starts a service to which this process belongs, alone or with others: the first one installs the signal handlers for
 * all. An error nobody caught ends the process by Node's own default, after one log line.
 */
export async function ownProcess(start: () => Promise<RunningService>): Promise<RunningService> {
  try {
    watchProcess();
    const service = await start();
    running.add(service);
    return service;
  } catch (error) {
    if (!(error instanceof StartupFailure)) throw error;
    if (process.env.LOG_LEVEL?.toLowerCase() === 'debug') process.stderr.write(`${(error.cause as Error).stack}\n`);
    leave(1, error.message);
  }
}

function watchProcess(): void {
  if (watching) return;
  watching = true;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // The first asks, the same one again insists. A different one does not: Ctrl-C reaches us from the terminal and
    // from our launcher.
    process.once(signal, () => {
      process.once(signal, () => leave(1, `${signal} again: leaving at once.`));
      void stop();
    });
  }
  if (process.env.PARENT_WATCH === '1' && process.channel) process.once('disconnect', () => void stop());
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  setTimeout(
    () => leave(1, `Requests were still under way after ${drainLimit / 1000} s; leaving them.`),
    drainLimit,
  ).unref();
  const results = await Promise.allSettled([...running].map((service) => service.close()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) leave(1, `Stopping failed: ${String(failed.reason)}`);
  process.exit(0);
}

function leave(code: number, why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(code);
}
