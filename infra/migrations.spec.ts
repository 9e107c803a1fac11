import { globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const sets = Map.groupBy(globSync('{apps,libs}/*/migrations/*.sql', { cwd: root }), dirname);

it.each([...sets.keys()].sort())(
  '%s numbers its migrations, each by itself: two branches may both have taken the next number',
  (set) => {
    const numbers = (sets.get(set) ?? []).map((file) => basename(join(root, file)).slice(0, 4));
    expect(numbers.sort()).toEqual([...new Set(numbers)]);
  },
);
