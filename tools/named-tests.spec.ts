import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiTop10 } from './api-top-10.ts';
import { missingTests, risksPage } from './named-tests.ts';

const root = resolve(import.meta.dirname, '..');

describe('the OWASP API Security Top 10', () => {
  it('is whole, and each risk has tests', () => {
    expect(apiTop10.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, n) => `API${n + 1}:2023`));
    expect(Math.min(...apiTop10.map(({ tests }) => tests.length))).toBeGreaterThanOrEqual(3);
  });

  it('names tests that are there', () => expect(missingTests(root, apiTop10)).toEqual([]));

  it('is shown with every one of them', () => {
    const page = risksPage(apiTop10);
    for (const { title, tests } of apiTop10)
      for (const text of [title, ...tests.map(([, name]) => name.replace('%s', '…'))]) expect(page).toContain(text);
  });
});

describe('a test that is named', () => {
  const named = (file: string, title: string) =>
    missingTests(root, [{ id: 'X', title: 'x', done: '', also: [], tests: [[file, title]] }]);

  it.each([
    ['in another wording', 'tools/named-tests.spec.ts', 'names tests that were there'],
    ['in a comment or a text, which is no test', 'tools/named-tests.spec.ts', 'no test'],
    ['in a file that is gone', 'tools/gone.spec.ts', 'names tests that are there'],
  ])('%s is missed', (_how, file, title) =>
    expect(named(file, title)).toEqual([`X names a test that is not there: "${title}" in ${file}`]),
  );

  it('as it stands there is found, also one of many', () => {
    expect([
      ...named('tools/named-tests.spec.ts', 'names tests that are there'),
      ...named('tools/named-tests.spec.ts', '%s is missed'),
      ...named('tools/named-tests.spec.ts', 'a test that is named'),
    ]).toEqual([]);
  });
});
