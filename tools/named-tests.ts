import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface Risk {
  readonly id: string;
  readonly title: string;
  /** What we do about it, in a few sentences. */
  readonly done: string;
  /** Commands that show it beside the tests. */
  readonly also: readonly string[];
  /** File and title of each test. */
  readonly tests: readonly (readonly [file: string, title: string])[];
}

/** Tests that are named and not there, each as a sentence. */
export function missingTests(root: string, risks: readonly Risk[]): string[] {
  const titles = new Map<string, ReadonlySet<string>>();
  return risks.flatMap(({ id, tests }) =>
    tests.flatMap(([file, title]) => {
      const known = titles.get(file) ?? titlesIn(root, file);
      titles.set(file, known);
      return known.has(title) ? [] : [`${id} names a test that is not there: "${title}" in ${file}`];
    }),
  );
}

/** The page that is made of the table. */
export function risksPage(risks: readonly Risk[]): string {
  const sections = risks.map(({ id, title, done, also, tests }) =>
    [
      `## ${id} ${title}`,
      done,
      '',
      ...tests.map(([file, name]) => `- ${name.replace('%s', '…')} ([${file.split('/').at(-1)}](../../${file}))`),
      ...also.map((command) => `- \`${command}\``),
      '',
    ].join('\n'),
  );
  const intro = [
    '# OWASP API Security Top 10 (2023)',
    'What we do about each risk, and the tests that show it. A test that is named here and does not exist fails CI; whether it passes, CI says anyway.',
    '',
  ];
  return [...intro, ...sections].join('\n');
}

/** What suites and tests of a file are called: the first argument of describe, it and test, however they are begun. */
function titlesIn(root: string, file: string): ReadonlySet<string> {
  const titles = new Set<string>();
  const path = join(root, file);
  if (!existsSync(path)) return titles;
  const visit = (node: ts.Node): void => {
    const [first, second] = ts.isCallExpression(node) ? node.arguments : [];
    if (ts.isCallExpression(node) && /^(describe|it|test)/.test(node.expression.getText())) {
      for (const title of [first, second]) if (title && ts.isStringLiteralLike(title)) titles.add(title.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  return titles;
}
