import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { patches } from './next-version.ts';

it.each(patches)('the next version still fits $file: whoever moves that line moves the patch', ({ file, find }) => {
  expect(readFileSync(join(import.meta.dirname, '../..', file), 'utf8').split(find)).toHaveLength(2);
});
