import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSafe } from 'redos-detector';
import ts from 'typescript';

const root = join(import.meta.dirname, '..');

export interface Found {
  readonly file: string;
  readonly pattern: RegExp;
}

/** Every regular expression that the shipped sources spell out. */
export function shippedPatterns(): Found[] {
  const files = globSync(['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts'], { cwd: root });
  const shipped = files.filter((file) => !/\.(spec|fixture|contract)\.ts$/.test(file) && !file.includes('/generated/'));
  return shipped.flatMap((file) => patternsIn(file, readFileSync(join(root, file), 'utf8')));
}

/** The regular expressions in one source text, as literals. */
export function patternsIn(file: string, text: string): Found[] {
  const found: Found[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) found.push({ file, pattern: fromLiteral(node.text) });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return found;
}

function fromLiteral(literal: string): RegExp {
  const end = literal.lastIndexOf('/');
  return new RegExp(literal.slice(1, end), literal.slice(end + 1));
}

/**
 * Whether there are texts on which matching takes more than its length in steps, many times over. The judgement of a
 * library, and a strict one.
 */
export function mayBacktrack(pattern: RegExp): boolean {
  return !isSafe(pattern, { timeout: 10_000 }).safe;
}
