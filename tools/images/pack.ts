/**
 * Lays down what one image holds, `node --import ./tools/ts.mjs tools/images/pack.ts orders /packed`: the files that
 * the program reaches, compiled, its migrations, the packages of the lockfile that they need, and the bill of those.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { billOf, written } from './bill.ts';
import { lockedClosure } from './locked.ts';
import { programs, type ImageName } from './programs.ts';
import { reachedFrom, root } from './reached.ts';

/**
 * What no process reads: types, maps of minified files, pages for people, and Prisma's compilers for databases that we
 * do not have (57 MB). Licences stay.
 */
const unread =
  /\.(?:[cm]?ts|map|md|markdown|flow|tsbuildinfo|(?:cockroachdb|mysql|sqlite|sqlserver)\.wasm-base64\.m?js)$/i;

/** From src to dist, where a package's "exports" lead; what lies elsewhere stays where it is. */
export const placeOf = (file: string): string =>
  file.replace(/^((?:apps|libs)\/[^/]+)\/src\//, '$1/dist/').replace(/\.ts$/, '.js');

/** Everything that an image is made of, by name. */
export function contentsOf(image: ImageName) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const { entries, migrations } = programs[image];
  const reached = reachedFrom(entries);
  const packages = lockedClosure(reached.packages);
  const direct = [...reached.packages].map((name) => `node_modules/${name}`);
  return {
    ...reached,
    main: placeOf(entries[0]!),
    migrations,
    packages,
    bill: billOf(`ablation/${image}`, version, packages, direct),
  };
}

function pack(image: ImageName, out: string): void {
  const { files, projects, main, migrations, packages, bill } = contentsOf(image);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(out, path)), { recursive: true });
    writeFileSync(join(out, path), text);
  };
  write('package.json', JSON.stringify({ type: 'module' }));
  write('main.mjs', `import './${main}';\n`);
  write('sbom.cdx.json', written(bill));
  for (const [file, code] of files) write(placeOf(file), code);
  for (const { path } of packages)
    cpSync(join(root, path), join(out, path), { recursive: true, filter: (file) => wanted(file, path) });
  for (const project of projects) {
    cpSync(join(root, project, 'package.json'), join(out, project, 'package.json'));
    mkdirSync(join(out, 'node_modules/@shop'), { recursive: true });
    symlinkSync(posix.join('../..', project), join(out, 'node_modules/@shop', basename(project)));
  }
  for (const folder of migrations)
    cpSync(join(root, folder, 'migrations'), join(out, folder, 'migrations'), { recursive: true });
  for (const file of ['process-1.mjs', 'healthcheck.mjs', ...(migrations.length > 0 ? ['migrate.mjs'] : [])])
    cpSync(join(root, 'infra/images', file), join(out, file));
  console.log(`${image}: ${files.size} files of ours, ${packages.length} packages`);
}

/** A package without what lies in it for others: that is in the closure by itself, or not wanted. */
const wanted = (file: string, path: string) =>
  !relative(join(root, path), file).split('/').includes('node_modules') && !unread.test(file);

if (import.meta.main) {
  const [image = '', out] = process.argv.slice(2);
  if (!(image in programs) || out === undefined)
    throw new Error(`pack.ts <${Object.keys(programs).join('|')}> <folder>`);
  pack(image as ImageName, out);
}
