import { describe, expect, it } from 'vitest';
import { saysTwice } from './json-members.ts';

describe('a member of a JSON object', () => {
  it.each([
    ['{"a":1,"a":2}', true],
    ['{"a":1,"\\u0061":2}', true],
    ['{"x":{"a":1,"b":[{"c":1,"c":2}]}}', true],
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', false],
    ['{"a":"a","b":"\\"a\\":1","c":["a","a"]}', false],
    ['"a"', false],
  ])('is there twice in %s: %s', (json, twice) => expect(saysTwice(json)).toBe(twice));
});
