import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { processorMicros } from '@shop/infra/processor-time';

/** Process ids by name. */
export type Watched = Readonly<Record<string, number>>;

export interface ToolRun {
  readonly output: string;
  readonly code: number | null;
  /** Processor time that each process has used meanwhile, in microseconds, and `tool`, the tool itself. */
  readonly spent: Readonly<Record<string, number>>;
}

export interface Tool {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Ended by force after so many milliseconds. */
  readonly patience: number;
  /** Hears its standard output while it runs. */
  readonly hear?: (text: string) => void;
}

/** Runs a load tool to its end and looks at what that cost whom. It ends with us, whatever ends us but SIGKILL. */
export async function runTool({ program, args, env, patience, hear }: Tool, watched: Watched): Promise<ToolRun> {
  const look = () => Object.entries(watched).map(([name, pid]) => [name, processorMicros(pid)] as const);
  const before = new Map(look());
  const tool = spawn(program, args, { env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = () => void tool.kill('SIGKILL');
  process.once('exit', end);
  const late = setTimeout(end, patience);
  // An ended process has no line in /proc any more: what was last seen is at most a fifth of a second old.
  let own = 0;
  const watch = setInterval(() => (own = Math.max(own, processorMicros(tool.pid ?? -1))), 200);
  try {
    let output = '';
    tool.stdout.on('data', (chunk) => ((output += String(chunk)), hear?.(String(chunk))));
    tool.stderr.on('data', (chunk) => (output += String(chunk)));
    const [code] = (await once(tool, 'close')) as [number | null];
    return {
      output,
      code,
      spent: {
        ...Object.fromEntries(look().map(([name, micros]) => [name, micros - (before.get(name) ?? 0)])),
        tool: own,
      },
    };
  } finally {
    clearInterval(watch);
    clearTimeout(late);
    process.off('exit', end);
  }
}

/** The same a request. */
export const perRequest = (spent: ToolRun['spent'], requests: number): Record<string, number> =>
  Object.fromEntries(Object.entries(spent).map(([name, micros]) => [name, Math.round((micros / requests) * 10) / 10]));
