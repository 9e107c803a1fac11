/**
 * Compiles one project for deployment, `node tools/build.mjs apps/orders`: src → dist with the compiler options that
 * development and tests use, without the specs and what they run on. Types are `typecheck`'s work. Migrations stay
 * where they are: dist lies as deep as src, so `new URL('../migrations', import.meta.url)` finds them from either.
 */
import { copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { transformFileSync } from '@swc/core';
import { swcOptions } from './swc-options.mjs';

const [project] = process.argv.slice(2);
if (!project) throw new Error('Which project? node tools/build.mjs <folder of the project>');
const source = resolve(project, 'src');
const target = resolve(project, 'dist');
const options = {
  ...swcOptions,
  sourceMaps: 'inline',
  jsc: { ...swcOptions.jsc, rewriteRelativeImportExtensions: true },
};

rmSync(target, { recursive: true, force: true });
const files = globSync('**/*', { cwd: source, withFileTypes: true }).filter(
  (entry) => entry.isFile() && !/\.(spec|contract|fixture)\.ts$/.test(entry.name),
);
for (const entry of files) {
  const from = join(entry.parentPath, entry.name);
  const to = join(target, from.slice(source.length));
  mkdirSync(dirname(to), { recursive: true });
  if (entry.name.endsWith('.ts')) writeFileSync(to.replace(/\.ts$/, '.js'), transformFileSync(from, options).code);
  else copyFileSync(from, to);
}
console.log(`${project}: ${files.length} files`);
