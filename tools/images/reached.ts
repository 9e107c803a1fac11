import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';
import ts from 'typescript';
import { swcOptions } from '../swc-options.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is loaded when a program runs. */
export interface Reached {
  /** Its own files as JavaScript, by their path in the tree. */
  files: Map<string, string>;
  /** Projects of this workspace whose front door is used, by their folder. */
  projects: Set<string>;
  /** Packages that those files name. */
  packages: Set<string>;
}

const options = {
  ...swcOptions,
  sourceMaps: 'inline' as const,
  jsc: { ...swcOptions.jsc, rewriteRelativeImportExtensions: true },
};

/** Follows every import, static and dynamic, from the first files on; types leave no import behind. */
export function reachedFrom(entries: readonly string[]): Reached {
  const reached: Reached = { files: new Map(), projects: new Set(), packages: new Set() };
  const queue = [...entries];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (reached.files.has(file)) continue;
    const code = compiled(file);
    reached.files.set(file, code);
    for (const { fileName } of ts.preProcessFile(code, true, true).importedFiles) {
      const next = follow(fileName, file, reached);
      if (next !== undefined) queue.push(next);
    }
    // A package that is read as a file, and not run.
    for (const [, name = ''] of code.matchAll(/import\.meta\.resolve\('([^.'][^']*)'\)/g)) follow(name, file, reached);
  }
  return reached;
}

const before = new Map<string, string>();

function compiled(file: string): string {
  const known = before.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(join(root, file), 'utf8');
  const code = file.endsWith('.ts') ? transformSync(text, { ...options, filename: file }).code : text;
  before.set(file, code);
  return code;
}

/** The file of this tree that an import leads to; a package is noted instead. */
function follow(specifier: string, from: string, { projects, packages }: Reached): string | undefined {
  if (isBuiltin(specifier)) return undefined;
  if (specifier.startsWith('.')) return sourceOf(posix.join(dirname(from), specifier));
  const [scope = '', name = ''] = specifier.split('/');
  const project =
    scope === '@shop'
      ? ['apps', 'libs'].map((kind) => `${kind}/${name}`).find((folder) => existsSync(join(root, folder)))
      : undefined;
  if (project === undefined) {
    packages.add(scope.startsWith('@') ? `${scope}/${name}` : scope);
    return undefined;
  }
  projects.add(project);
  const { exports } = JSON.parse(readFileSync(join(root, project, 'package.json'), 'utf8')) as {
    exports: { '.': { source: string } };
  };
  return posix.join(project, exports['.'].source);
}

const sourceOf = (file: string) => (file.endsWith('.js') ? file.replace(/\.js$/, '.ts') : file);
