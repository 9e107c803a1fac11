import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CloudEvent } from './index.ts';

const folder = join(import.meta.dirname, '../golden');

/** A message as it once travelled; its file bears the hash of its text, so that nobody edits history unnoticed. */
export interface Golden {
  readonly file: string;
  readonly message: CloudEvent;
  readonly untouched: boolean;
}

/** Every message of the corpus, oldest file names first. */
export function golden(): Golden[] {
  return globSync('*.json', { cwd: folder })
    .sort()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
      return { file: basename(file), message: JSON.parse(text) as CloudEvent, untouched: file.includes(`.${hash}.`) };
    });
}
