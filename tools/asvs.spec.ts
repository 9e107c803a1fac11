import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asvsFaults, requirements, type Requirement } from './asvs.ts';

const root = resolve(import.meta.dirname, '..');
const list = requirements(root);

describe('the list of ASVS 5.0, level 2', () => {
  it('is whole, and whatever it names is there', () => expect(asvsFaults(root, list)).toEqual([]));

  it('has each claim that a mutant makes false among what is met, by the test that notices', () => {
    const mutants = readFileSync(resolve(root, 'practices/faults/mutants/asvs.ts'), 'utf8');
    const claimed = [...mutants.matchAll(/claim\('([\d.]+)'/g)].map(([, number]) => number);
    expect(claimed.length).toBeGreaterThan(20);
    for (const number of claimed) expect(list.find(({ requirement }) => requirement === number)).toMatchObject({ standing: 'met' });
  });
});

describe('a requirement', () => {
  const [first, second] = list as [Requirement, Requirement];
  const faults = (changed: Partial<Requirement>) => asvsFaults(root, [{ ...first, ...changed }, { ...second, evidence: first.evidence }]);

  it.each<[string, Partial<Requirement>, string]>([
    ['names a test that is gone', { evidence: ['tools/asvs.spec.ts > is not there'] }, '1.1.1 names a test that is not there: "is not there" in tools/asvs.spec.ts'],
    ['names a file that is gone', { evidence: ['tools/gone.ts'] }, '1.1.1 names what is not there: tools/gone.ts'],
    ['is met by nothing', { evidence: [] }, '1.1.1 is met, and nothing shows it'],
    ['is met by files alone', { evidence: ['tools/asvs.ts'] }, '1.1.1 is met, and names no test: it stands by reading'],
    ['stands as nobody knows', { standing: 'done' }, '1.1.1 stands as "done", which is none of met, by reading, partly, open, n/a'],
    ['says nothing', { how: '' }, '1.1.1 does not say how, or why not'],
    ['is there twice', { requirement: '1.1.2' }, '1.1.2 is there twice'],
  ])('that %s is found', (_what, changed, fault) => expect(faults(changed)).toContain(fault));

  it('that is missing is missed', () => expect(asvsFaults(root, list.slice(1))).toEqual(['chapter 1 has 27 requirements up to level 2, and 26 are listed']));
});
