import { Obstacle } from './state.ts';

/**
 * Runs a command to its end and ends the process with its exit code. A sentence for what people can do something about;
 * a stack for what is a bug of ours.
 */
export async function runProgram(main: (args: string[]) => Promise<number>): Promise<never> {
  try {
    process.exit(await main(process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(`${sentenceFor(error) ?? (error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  }
}

/** What to tell somebody who can do something about it; undefined for a bug. */
export function sentenceFor(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof Obstacle || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS'))
    return error.message;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code, address, port } = cause as NodeJS.ErrnoException & { address?: string; port?: number };
    if (code === 'ECONNREFUSED')
      return `Nothing listens at ${address}:${port}: that part of the shop is not up (yet), or has another port here.`;
  }
  return undefined;
}
