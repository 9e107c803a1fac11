import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, RunningProcess } from '../processes.ts';
import { Obstacle, type State } from '../state.ts';

/** Runs a program to its end. A failure shows the end of its output. */
export async function run(state: State, command: Command): Promise<void> {
  const { code, signal } = await (await state.processes.start(command)).exited;
  if (code !== 0)
    throw new Obstacle(`${command.name} failed (${signal ?? `exit code ${code}`}):\n${lastLines(command.log)}`);
}

/**
 * Asks again and again until it answers. Gives up at once when the process ends, and after a minute (a loaded machine
 * is slow).
 */
export async function untilReady(
  server: RunningProcess,
  ask: () => Promise<void>,
  log: string,
  deadline = 60_000,
): Promise<void> {
  let ended = false;
  void server.exited.then(() => (ended = true));
  for (const until = Date.now() + deadline; ; await sleep(30)) {
    if (ended) throw new Obstacle(`${server.name} ended while starting:\n${lastLines(log)}`);
    try {
      return await ask();
    } catch (error) {
      if (Date.now() < until) continue;
      throw new Obstacle(
        `${server.name} does not answer after ${deadline / 1000} s (${(error as Error).message}):\n${lastLines(log)}`,
      );
    }
  }
}

/** The end of a log, for a person to read. */
export function lastLines(file: string, count = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return `(nothing in ${file})`;
  }
}
