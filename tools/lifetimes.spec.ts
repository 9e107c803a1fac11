import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(resolve(import.meta.dirname, '..', path), 'utf8');

it('sign-ins last as long as their page says', () => {
  const [, code = ''] = /const lifetimes = \{([^}]+)\}/.exec(read('apps/auth/src/oidc/open-id.ts')) ?? [];
  const lifetimes = [...code.matchAll(/(\w+): (\d+) \* (minutes|days)/g)].map(
    ([, what, count, unit = '']) => `${what} ${count} ${count === '1' ? unit.slice(0, -1) : unit}`,
  );
  const told = [...read('docs/security/signing-in.md').matchAll(/^\| `(\w+)`[^|]*\| (\d+ \w+) \|/gm)].map(
    ([, what, long]) => `${what} ${long}`,
  );
  expect(lifetimes.length).toBeGreaterThan(5);
  expect(told.sort()).toEqual(lifetimes.sort());
});
