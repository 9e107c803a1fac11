import { appendFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A place where a test or an experiment may kill this process, so that a kill lands in the window that matters and not
 * beside it. Armed by a file of this name in FAIL_POINTS_DIR; passing takes the file away and ends the process by
 * SIGKILL, so one file is one kill and a file that is gone is the proof. `inHand`, how much is lost with the process,
 * is left as a line of `<name>.hits`. Without FAIL_POINTS_DIR, as in every ordinary run, it is nothing.
 */
export function failPoint(folder: string | undefined, name: string, inHand?: number): void {
  if (folder === undefined) return;
  try {
    unlinkSync(join(folder, name));
  } catch {
    return;
  }
  if (inHand !== undefined) appendFileSync(join(folder, `${name}.hits`), `${inHand}\n`);
  process.kill(process.pid, 'SIGKILL');
}
