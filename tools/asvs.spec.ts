import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asvsFaults, requirements, unbroken, type Broken, type Requirement } from './asvs.ts';

const root = resolve(import.meta.dirname, '..');
const list = requirements(root);

describe('the list of ASVS 5.0, level 2', () => {
  it('is whole, and whatever it names is there', () => expect(asvsFaults(root, list)).toEqual([]));

  it('has a mutant for all that is met, which turns a test red that the row names', async () => {
    // Data of a project above this one: read, not imported.
    const { asvsClaims } = (await import(resolve(root, 'practices/faults/mutants/asvs.ts'))) as {
      asvsClaims: readonly Broken[];
    };
    expect(unbroken(list, asvsClaims)).toEqual([]);
  });
});

describe('a requirement', () => {
  const [first, second] = list as [Requirement, Requirement];
  const faults = (changed: Partial<Requirement>) =>
    asvsFaults(root, [
      { ...first, ...changed },
      { ...second, evidence: first.evidence },
    ]);

  it.each<[string, Partial<Requirement>, string]>([
    [
      'names a test that is gone',
      { evidence: ['tools/asvs.spec.ts > is not there'] },
      '1.1.1 names a test that is not there: "is not there" in tools/asvs.spec.ts',
    ],
    ['names a file that is gone', { evidence: ['tools/gone.ts'] }, '1.1.1 names what is not there: tools/gone.ts'],
    ['is met by nothing', { evidence: [] }, '1.1.1 is met, and nothing shows it'],
    ['is met by files alone', { evidence: ['tools/asvs.ts'] }, '1.1.1 is met, and names no test: it stands by reading'],
    [
      'stands as nobody knows',
      { standing: 'done' },
      '1.1.1 stands as "done", which is none of met, by reading, partly, open, n/a',
    ],
    ['says nothing', { how: '' }, '1.1.1 does not say how, or why not'],
    ['is there twice', { requirement: '1.1.2' }, '1.1.2 is there twice'],
  ])('that %s is found', (_what, changed, fault) => expect(faults(changed)).toContain(fault));

  it('that is met has been broken, by the test that it names', () => {
    const [file = '', test = ''] = first.evidence[0]?.split(' > ') ?? [];
    const mutant: Broken = { name: 'a claim', requirements: [first.requirement], caughtBy: file, test };
    expect(unbroken([first], [mutant])).toEqual([]);
    expect(unbroken([first], [])).toEqual(['1.1.1 is met, and no mutant makes it false: it stands by reading']);
    expect(unbroken([{ ...first, evidence: [file] }], [mutant])).toEqual([
      `1.1.1 is not met by the test of the mutant "a claim": ${file} > ${test}`,
    ]);
    expect(unbroken([{ ...first, standing: 'open' }], [mutant])).toEqual([
      `1.1.1 is not met by the test of the mutant "a claim": ${file} > ${test}`,
    ]);
  });

  it('that is missing is missed', () =>
    expect(asvsFaults(root, list.slice(1))).toEqual([
      'chapter 1 has 27 requirements up to level 2, and 26 are listed',
    ]));
});
