import { expect, it } from 'vitest';
import { isTooDeep } from './json-depth.ts';

it.each([
  ['as deep as allowed', `${'['.repeat(3)}1${']'.repeat(3)}`, false],
  ['deeper', '[[{"a":[1]}]]', true],
  ['wide, not deep', `[${'[],'.repeat(100)}[]]`, false],
  ['brackets in a string', String.raw`{"a":"[[[[[[\"[[[["}`, false],
  ['a string that does not end', '["[[[[[', false],
  ['endless', '['.repeat(60_000), true],
])('%s', (_what, text, expected) => {
  expect(isTooDeep(text, 3)).toBe(expected);
});
