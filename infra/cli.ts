/**
 * What `npm start`, `stop`, `run reset` and the other commands about a running shop do: tools/run.mjs prepares the tree
 * and comes here.
 */
import { runProgram } from './program.ts';
import { Obstacle } from './state.ts';

type Run = (args: string[]) => Promise<number>;

// Each is loaded only when it is asked for.
const commands: Record<string, () => Promise<Run>> = {
  start: async () => (await import('./start.ts')).startCommand,
  stop: async () => (await import('./stop.ts')).stopCommand,
  reset: async () => (await import('./stop.ts')).resetCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  order: async () => (await import('./order.ts')).orderCommand,
  login: async () => (await import('./login.ts')).loginCommand,
  trace: async () => (await import('./trace.ts')).traceCommand,
  events: async () => (await import('./events/command.ts')).eventsCommand,
  golden: async () => (await import('./golden.ts')).goldenCommand,
};

async function main([name = '', ...args]: string[]): Promise<number> {
  const command = commands[name];
  if (!command) throw new Obstacle(`There is no command "${name}": ${Object.keys(commands).join(', ')}.`);
  return (await command())(args);
}

await runProgram(main);
