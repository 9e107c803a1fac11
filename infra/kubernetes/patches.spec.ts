import { describe, expect, it } from 'vitest';
import { jsonPatched, strategicallyMerged, type Json } from './patches.ts';

describe('a strategic merge', () => {
  it('merges containers and their variables by name, and leaves the others', () => {
    const pod: Json = {
      containers: [{ name: 'service', env: [{ name: 'A', value: '1' }], image: 'x' }, { name: 'other' }],
    };
    const patch = {
      containers: [
        {
          name: 'service',
          env: [
            { name: 'B', value: '2' },
            { name: 'A', value: '3' },
          ],
        },
      ],
    };
    expect(strategicallyMerged(pod, patch)).toEqual({
      containers: [
        {
          name: 'service',
          env: [
            { name: 'B', value: '2' },
            { name: 'A', value: '3' },
          ],
          image: 'x',
        },
        { name: 'other' },
      ],
    });
  });

  it('replaces a list that has no key, and deletes what is null', () => {
    expect(strategicallyMerged({ rules: [1, 2], gone: { a: 1 }, kept: true }, { rules: [3], gone: null })).toEqual({
      rules: [3],
      kept: true,
    });
  });
});

describe('a JSON patch', () => {
  it('adds, replaces and removes by path, also in lists, and changes nothing of what it is given', () => {
    const value = { spec: { list: ['a', 'b'], 'a/b': 1 } };
    expect(
      jsonPatched(value, [
        { op: 'replace', path: '/spec/list/1', value: 'c' },
        { op: 'add', path: '/spec/list/-', value: 'd' },
        { op: 'remove', path: '/spec/a~1b' },
      ]),
    ).toEqual({ spec: { list: ['a', 'c', 'd'] } });
    expect(value).toEqual({ spec: { list: ['a', 'b'], 'a/b': 1 } });
  });

  it('refuses to replace what is not there', () => {
    expect(() => jsonPatched({ spec: {} }, [{ op: 'replace', path: '/spec/replicas', value: 1 }])).toThrow(
      '/spec/replicas',
    );
  });
});
