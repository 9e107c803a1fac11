import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isAlive } from './process-lock.mjs';
import { unannounce } from './running.ts';
import { removeCompose, stopCompose } from './servers/docker.ts';
import { defaultState, holderOfState, Obstacle, openState, wipeState } from './state.ts';

const patience = 60_000;

/** `npm stop`: ends a running shop, or what a killed start left of one. Returns the exit code. */
export async function stopCommand(args: string[]): Promise<number> {
  if (asksForHelp(args))
    return print(
      'npm stop\n\nEnds the shop that runs from this clone, or what a killed "npm start" left running. Data stays.',
    );
  return print(await stopAll());
}

/** `npm run reset`: stops, and wipes data, logs, secrets and containers. Returns the exit code. */
export async function resetCommand(args: string[]): Promise<number> {
  if (asksForHelp(args)) {
    return print(
      'npm run reset\n\nStops the shop of this clone and wipes its data, logs and secrets. What was fetched (node_modules, Kafka, Redis) stays.',
    );
  }
  print(await stopAll());
  await removeCompose(defaultState);
  wipeState(defaultState);
  return print('The data is gone; the next start begins anew.');
}

/**
 * Throws for whatever else is asked: who mistypes an option of a command that ends or wipes things does not mean the
 * command.
 */
function asksForHelp(args: string[]): boolean {
  return parseArgs({ args, options: { help: { type: 'boolean', default: false } } }).values.help;
}

async function stopAll(): Promise<string> {
  const holder = holderOfState(defaultState);
  if (holder) {
    process.kill(holder.pid, 'SIGTERM');
    for (const until = Date.now() + patience; isAlive(holder) && Date.now() < until; ) await sleep(50);
    if (isAlive(holder))
      throw new Obstacle(
        `Process ${holder.pid} does not end. Look at .state/logs; by hand: kill -9 ${holder.pid}, then npm stop.`,
      );
  }
  const ended: string[] = [];
  const state = await openState(defaultState, (line) => ended.push(line));
  if (await stopCompose(state.folder)) ended.push('Stopped the containers of an earlier start.');
  unannounce(state.folder);
  await state.close();
  if (holder) ended.unshift('The shop has stopped.');
  return ended.length > 0 ? ended.join('\n') : 'Nothing was running.';
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
