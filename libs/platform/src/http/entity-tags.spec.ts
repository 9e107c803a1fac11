import { expect, it } from 'vitest';
import { isNamed, tagsIn } from './entity-tags.ts';

it.each<[string, ReturnType<typeof tagsIn>]>([
  ['"1"', [{ opaque: '1', weak: false }]],
  [
    '"1", W/"2-x,y"',
    [
      { opaque: '1', weak: false },
      { opaque: '2-x,y', weak: true },
    ],
  ],
  [
    ' , "1" ,, "2" ,',
    [
      { opaque: '1', weak: false },
      { opaque: '2', weak: false },
    ],
  ],
  ['""', [{ opaque: '', weak: false }]],
  ['', []],
  [' , ', []],
  ['1', undefined],
  ['"1" "2"', undefined],
  ['"1', undefined],
  ['w/"1"', undefined],
  ['"1", *', undefined],
])('reads %j', (header, tags) => expect(tagsIn(header)).toEqual(tags));

it.each([
  ['"3-a"', true],
  ['W/"3-a"', true],
  ['"1", "3-a"', true],
  ['*', true],
  ['"3-b"', false],
  ['', false],
  ['"x, 3-a"', false],
])('knows whether %j names "3-a": %s', (header, yes) => expect(isNamed('"3-a"', header)).toBe(yes));
