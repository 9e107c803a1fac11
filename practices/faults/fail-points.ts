import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a process may take to leave a word between taking the file and dying. */
const WORD_MS = 200;

/** Where processes may be made to die, by name: see libs/eventing/src/fail-point.ts. */
export class FailPoints {
  constructor(readonly folder: string) {}

  /**
   * Lets whoever passes next die there. The file is taken by the process that dies: gone is the proof. Answers with
   * what it had in hand, or false when nobody passed in time.
   */
  async strike(name: string, withinMs: number): Promise<false | { inHand?: number }> {
    const armed = join(this.folder, name);
    const word = `${armed}.hits`;
    rmSync(word, { force: true });
    writeFileSync(armed, '');
    await gone(armed, withinMs);
    const hit = !existsSync(armed);
    rmSync(armed, { force: true });
    if (!hit) return false;
    // It is there before it is written: it ends with its line.
    for (const until = performance.now() + WORD_MS; performance.now() < until; await sleep(2)) {
      const said = existsSync(word) ? readFileSync(word, 'utf8') : '';
      if (said.endsWith('\n')) return { inHand: Number(said) };
    }
    return {};
  }
}

async function gone(file: string, withinMs: number): Promise<void> {
  for (const until = performance.now() + withinMs; existsSync(file) && performance.now() < until; ) await sleep(2);
}
