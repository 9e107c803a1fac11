import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingTests } from './named-tests.ts';

/** Every requirement of OWASP's ASVS 5.0 up to level 2 by its number, how it stands with us, and what shows it. */
const asvsFile = 'docs/security/asvs.csv';

/** How many requirements of levels 1 and 2 each chapter of ASVS 5.0.0 has. */
const chapters: Readonly<Record<string, number>> = {
  1: 27,
  2: 11,
  3: 19,
  4: 10,
  5: 9,
  6: 35,
  7: 18,
  8: 7,
  9: 7,
  10: 29,
  11: 14,
  12: 9,
  13: 13,
  14: 9,
  15: 13,
  16: 16,
  17: 7,
};

/**
 * `met` is what a test shows, and a mutant has shown the test: what is claimed, made false, turns it red
 * (practices/faults/mutants/asvs/). `by reading` is what only somebody who reads the code or the page can say. `partly`
 * and `open` are told as they are: this is a list of what is there, and no certificate.
 */
const standings = ['met', 'by reading', 'partly', 'open', 'n/a'];

export interface Requirement {
  readonly requirement: string;
  readonly level: string;
  readonly standing: string;
  readonly how: string;
  /** Files and folders, or `file > title` of a test in it. */
  readonly evidence: readonly string[];
}

export function requirements(root: string): Requirement[] {
  const [, ...rows] = recordsOf(readFileSync(join(root, asvsFile), 'utf8'));
  return rows.map(([requirement = '', level = '', standing = '', how = '', evidence = '']) => ({
    requirement,
    level,
    standing,
    how,
    evidence: evidence.split('\n').filter(Boolean),
  }));
}

/** What is wrong with the list, each as a sentence. */
export function asvsFaults(root: string, list: readonly Requirement[]): string[] {
  const numbers = list.map(({ requirement }) => requirement);
  return [
    ...numbers.filter((number, index) => numbers.indexOf(number) !== index).map((number) => `${number} is there twice`),
    ...Object.entries(chapters).flatMap(([chapter, count]) => {
      const there = numbers.filter((number) => number.startsWith(`${chapter}.`)).length;
      return there === count
        ? []
        : [`chapter ${chapter} has ${count} requirements up to level 2, and ${there} are listed`];
    }),
    ...list.flatMap((one) => requirementFaults(root, one)),
    ...missingTests(
      root,
      list.map(({ requirement: id, how, evidence }) => ({
        id,
        title: how,
        done: how,
        also: [],
        tests: evidence.flatMap(testIn),
      })),
    ),
  ];
}

function requirementFaults(root: string, { requirement, standing, how, evidence }: Requirement): string[] {
  const files = evidence.filter((one) => testIn(one).length === 0);
  return [
    ...(standings.includes(standing)
      ? []
      : [`${requirement} stands as "${standing}", which is none of ${standings.join(', ')}`]),
    ...(how === '' ? [`${requirement} does not say how, or why not`] : []),
    ...(evidence.length > 0 || !['met', 'by reading', 'partly'].includes(standing)
      ? []
      : [`${requirement} is ${standing}, and nothing shows it`]),
    ...(standing !== 'met' || evidence.length === 0 || files.length < evidence.length
      ? []
      : [`${requirement} is met, and names no test: it stands by reading`]),
    ...files
      .filter((file) => !existsSync(join(root, file)))
      .map((file) => `${requirement} names what is not there: ${file}`),
  ];
}

/**
 * What is claimed of requirements, made false, and the test that has to turn red: an entry of
 * practices/faults/mutants/asvs/.
 */
export interface Broken {
  readonly name: string;
  readonly requirements: readonly string[];
  readonly caughtBy: string;
  readonly test: string;
}

/** What is met and was never broken, and what is broken and not said to be met by that test, each as a sentence. */
export function unbroken(list: readonly Requirement[], broken: readonly Broken[]): string[] {
  const met = new Map(list.filter(({ standing }) => standing === 'met').map((one) => [one.requirement, one]));
  const named = new Set(broken.flatMap(({ requirements }) => requirements));
  return [
    ...[...met.keys()]
      .filter((number) => !named.has(number))
      .map((number) => `${number} is met, and no mutant makes it false: it stands by reading`),
    ...broken.flatMap(({ name, requirements, caughtBy, test }) =>
      requirements
        .filter((number) => !met.get(number)?.evidence.includes(`${caughtBy} > ${test}`))
        .map((number) => `${number} is not met by the test of the mutant "${name}": ${caughtBy} > ${test}`),
    ),
  ];
}

/** The page that counts them, by chapter. */
export function asvsPage(list: readonly Requirement[]): string {
  const row = (name: string, those: readonly Requirement[]) =>
    `| ${[name, ...standings.map((one) => those.filter(({ standing }) => standing === one).length)].join(' | ')} |`;
  return [
    '# OWASP ASVS 5.0, levels 1 and 2',
    'Counted from [asvs.csv](asvs.csv), which says of each requirement how it stands and what shows it. *Met* is what a named test shows, of which a mutant has shown that it',
    'notices: a mutant for [each claim](../../practices/faults/mutants/asvs) makes it false in one place, at night and by name (`npm run fault mutants -- --only "ASVS 3.4"`), and the',
    'named test has to turn red. CI refuses a row that is met and has no mutant, or one that no longer fits the code. What only reading the code or a page can say is counted apart.',
    '',
    `| chapter | ${standings.join(' | ')} |`,
    `|---|${standings.map(() => '---:').join('|')}|`,
    ...Object.keys(chapters).map((chapter) =>
      row(
        `V${chapter}`,
        list.filter(({ requirement }) => requirement.startsWith(`${chapter}.`)),
      ),
    ),
    row('all', list),
    '',
  ].join('\n');
}

/** The test that a piece of evidence names, if it is one. */
function testIn(evidence: string): [file: string, title: string][] {
  const [file = '', title] = evidence.split(' > ');
  return title === undefined ? [] : [[file, title]];
}

/** RFC 4180: fields between commas, quoted where they hold one, a quote or a line break. */
function recordsOf(text: string): string[][] {
  const records: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    records.at(-1)?.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === '\n') records.push([]);
  }
  return records.filter((record) => record.length > 0);
}
