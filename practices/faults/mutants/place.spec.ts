import { describe, expect, it } from 'vitest';
import { placesOf } from './place.ts';

describe('the place of a piece of code', () => {
  it.each([
    ['as it was written', "ask(one, 'two');"],
    ['over several lines, with a last comma', "ask(\n    one,\n    'two',\n  );"],
    ['with other quotes', 'ask(one, "two");'],
  ])('is found %s', (_layout, source) => {
    expect(placesOf("ask(one, 'two');", `before ${source} after`).map(([found]) => found)).toEqual([source]);
  });

  it('is found as often as it is there', () => expect(placesOf('a + b', 'a+b; a + b; a - b; a.b')).toHaveLength(2));
});
