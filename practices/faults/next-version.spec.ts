import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { placesOf } from './mutants/place.ts';
import { patches } from './next-version.ts';

it.each(patches)('the next version still fits $file: whoever moves that line moves the patch', ({ file, find }) => {
  expect(placesOf(find, readFileSync(join(import.meta.dirname, '../..', file), 'utf8'))).toHaveLength(1);
});
