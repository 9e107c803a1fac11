import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { invariants } from '../../checker/check.ts';
import { asvsClaims } from './asvs.ts';
import { placesOf } from './place.ts';
import { needsServers, onEachPush, patches } from './patches.ts';

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

describe('the mutants', () => {
  it.each([...patches, ...asvsClaims])('$invariant $name: fits exactly once', ({ file, find, replace, caughtBy }) => {
    expect(placesOf(find, readFileSync(at(file), 'utf8'))).toHaveLength(1);
    expect(replace).not.toBe(find);
    expect(existsSync(at(caughtBy))).toBe(true);
  });

  it('break every invariant', () =>
    expect(patches.map(({ invariant }) => invariant)).toEqual(expect.arrayContaining(Object.keys(invariants))));

  it('that are tried on each push break every invariant, and are those without a server and a few of the others', () => {
    const tried = onEachPush(patches);
    expect(tried.map(({ invariant }) => invariant)).toEqual(expect.arrayContaining(Object.keys(invariants)));
    expect(patches.filter((patch) => !needsServers(patch.caughtBy) && !tried.includes(patch))).toEqual([]);
    expect(tried.length).toBeLessThan(patches.length);
  });
});
