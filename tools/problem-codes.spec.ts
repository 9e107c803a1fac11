import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { problems } from '@shop/contracts';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const sources = globSync('{apps,libs}/*/src/**/*.ts', {
  cwd: root,
  exclude: ['**/*.spec.ts', '**/*.fixture.ts', '**/generated/**', '**/api/problems.ts', '**/docs/**'],
});
const text = sources.map((file) => readFileSync(resolve(root, file), 'utf8')).join('\n');

/** With which status, or as which kind of error, the code says it. */
const saidAs: Record<number, RegExp> = {
  400: /400|malformed|validation/,
  404: /'not-found'/,
  409: /409|'conflict'/,
  422: /'invalid'/,
  503: /503|'unavailable'/,
};

it.each(Object.entries(problems))(
  'the code %s, which the documents show, is one that something says',
  (code, [status]) => {
    // The call that says it may stand on several lines.
    const lines = text.split('\n');
    const said = lines.flatMap((line, at) =>
      line.includes(`'${code}'`) || line.includes(`"${code}"`)
        ? [lines.slice(Math.max(0, at - 2), at + 1).join('\n')]
        : [],
    );
    expect(said.length).toBeGreaterThan(0);
    expect(said.join('\n')).toMatch(saidAs[status] ?? /./);
  },
);
