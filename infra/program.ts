import { Obstacle } from './state.ts';

/** Runs a command to its end and ends the process with its exit code. A sentence for what people can do something about; a stack for what is a bug of ours. */
export async function runProgram(main: (args: string[]) => Promise<number>): Promise<never> {
  try {
    process.exit(await main(process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(`${isExpected(error) ? error.message : ((error as Error).stack ?? String(error))}\n`);
    process.exit(1);
  }
}

const isExpected = (error: unknown): error is Error => error instanceof Obstacle || (error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS'));
