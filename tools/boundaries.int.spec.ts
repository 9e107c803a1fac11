import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * Each rule of the architecture is broken on purpose in a workspace that has this one's projects, tags and rules but
 * none of its sources, and has to be refused there. (A rule that nobody sees refusing may have been switched off for a
 * year.)
 */
const root = resolve(import.meta.dirname, '..');

interface Seed {
  /** The file, which tells the project. */
  at: string;
  code: string;
  /** Part of the message that has to come for the file; undefined when the code is clean. */
  refused?: string;
}

const tags = (source: string, targets: string) =>
  `A project tagged with "${source}" can only depend on libs tagged with ${targets}`;
const use = (name: string) => `import * as other from '${name}';\nexport const used = other;\n`;

const dependencies: Seed[] = [
  {
    at: 'libs/kernel/src/a.ts',
    code: use('@shop/contracts'),
    refused: 'A project tagged with "lib:kernel" cannot depend on any libs',
  },
  { at: 'libs/contracts/src/a.ts', code: use('@shop/platform'), refused: tags('lib:contracts', '"lib:kernel"') },
  {
    at: 'libs/testing/src/a.ts',
    code: use('@shop/platform'),
    refused: tags('lib:testing', '"lib:kernel", "lib:contracts"'),
  },
  {
    at: 'libs/platform/src/a.ts',
    code: use('@shop/eventing'),
    refused: tags('lib:platform', '"lib:kernel", "lib:contracts", "lib:testing"'),
  },
  {
    at: 'libs/eventing/src/a.ts',
    code: use('@shop/notifications'),
    refused: tags('lib:eventing', '"lib:kernel", "lib:contracts", "lib:platform", "lib:testing"'),
  },
  { at: 'apps/orders/src/a.ts', code: use('@shop/payments'), refused: tags('type:app', '"type:lib"') },
  { at: 'apps/gateway/src/a.ts', code: use('@shop/infra/servers'), refused: tags('type:app', '"type:lib"') },
  { at: 'tools/a.ts', code: use('@shop/catalog'), refused: tags('type:tool', '"type:lib", "type:infra"') },
  { at: 'load-tests/a.ts', code: use('@shop/catalog'), refused: tags('type:load', '"type:lib", "type:infra"') },
  { at: 'practices/c.ts', code: use('@nestjs/microservices'), refused: 'One bad message blocks its partition' },
  {
    at: 'practices/dead-letters/nest-consumer.ts',
    code: use('@nestjs/cqrs'),
    refused: 'Wiring mistakes would show only at run time',
  },
  {
    at: 'practices/checker/a.ts',
    code: use('@shop/eventing'),
    refused: 'The checker shares nothing with what it judges',
  },
  {
    at: 'practices/checker/b.ts',
    code: use('../lab/bench.ts'),
    refused: 'The checker shares nothing with what it judges',
  },
  {
    at: 'apps/auth/src/a.ts',
    code: use('../../catalog/src/stock.ts'),
    refused: 'Projects cannot be imported by a relative or absolute path',
  },
  {
    at: 'apps/auth/src/b.ts',
    code: use('@shop/contracts/src/topics.ts'),
    refused: 'A project is used by its front door',
  },
  { at: 'apps/auth/src/c.ts', code: use('@shop/testing'), refused: 'Only specs may import this' },
  { at: 'apps/auth/src/d.ts', code: use('@nestjs/cqrs'), refused: 'Wiring mistakes would show only at run time' },
  { at: 'apps/auth/src/e.ts', code: use('@nestjs/microservices'), refused: 'One bad message blocks its partition' },
  { at: 'apps/auth/src/Accounts.ts', code: 'export const one = 1;\n', refused: 'files are named in kebab-case' },
  { at: 'apps/auth/src/utils/text.ts', code: 'export const one = 1;\n', refused: 'name what it is about' },
  {
    at: 'apps/auth/src/h.ts',
    code: 'export const used = (request: { url: string }) => request.url;\n',
    refused: 'Ask targetOf(request)',
  },
  {
    at: 'apps/auth/src/i.ts',
    code: "import { z } from 'zod';\nexport const used = z.uuid();\n",
    refused: 'An id has several spellings',
  },
  { at: 'apps/auth/src/j.ts', code: 'export const used = () => Date.now();\n', refused: 'The wall clock steps' },
  { at: 'apps/auth/src/k.ts', code: 'export const used = () => new Date();\n', refused: 'The wall clock steps' },
  {
    at: 'apps/auth/src/l.ts',
    code: 'export const used = (amount: number) => (amount / 100).toFixed(2);\n',
    refused: 'How many digits a currency has',
  },
  {
    at: 'apps/auth/src/m.ts',
    code: "export const used = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' });\n",
    refused: 'How many digits a currency has',
  },
  { at: 'apps/auth/src/f.ts', code: 'export default class {}\n', refused: 'Named exports only' },
  {
    at: 'apps/auth/src/g.ts',
    code: 'export async function pay() {}\nexport const go = () => { pay(); };\n',
    refused: 'Promises must be awaited',
  },
];

const impure: [what: string, code: string, refused: string][] = [
  [
    'Nest',
    `import { Injectable } from '@nestjs/common';\nexport const used = Injectable;`,
    'purity: A pure file imports',
  ],
  ['a decorator', 'declare const Entity: ClassDecorator;\n@Entity\nexport class Order {}', 'purity: A decorator'],
  [
    'files',
    `import { readFileSync } from 'node:fs';\nexport const used = readFileSync;`,
    'purity: A pure file imports',
  ],
  [
    'node:crypto',
    `import { randomUUID } from 'node:crypto';\nexport const used = randomUUID;`,
    'purity: A pure file imports',
  ],
  ['Postgres', `import pg from 'pg';\nexport const used = pg;`, 'purity: A pure file imports'],
  [
    'the platform',
    `import { Database } from '@shop/platform';\nexport const used = Database;`,
    'purity: A pure file imports',
  ],
  [
    'the shell beside it',
    `import { used } from '../shell.ts';\nexport const again = used;`,
    'purity: A pure file imports',
  ],
  ['an import at run time', `export const used = () => import('./other.ts');`, 'purity: import()'],
  ['Date.now()', 'export const used = () => Date.now();', 'purity: Date.now()'],
  ['new Date()', 'export const used = () => new Date();', 'purity: new Date()'],
  ['Date()', 'export const used = () => Date();', 'purity: Date()'],
  ['performance', 'export const used = () => performance.now();', 'purity: "performance"'],
  ['Math.random()', 'export const used = () => Math.random();', 'purity: Math.random()'],
  ['random, taken out of Math', 'export const { random } = Math;', 'purity: Math.random()'],
  ['crypto', 'export const used = () => crypto.randomUUID();', 'purity: "crypto"'],
  ['the environment', 'export const used = () => process.env;', 'purity: "process"'],
  ['the console', `export const used = () => console.log('');`, 'purity: "console"'],
  ['a timer', 'export const used = () => setTimeout(() => undefined, 1);', 'purity: "setTimeout"'],
  ['the network', `export const used = () => fetch('http://x');`, 'purity: "fetch"'],
  ['a way round by globalThis', `export const used = () => globalThis.fetch('http://x');`, 'purity: "globalThis"'],
  ['an async function', 'export async function used() {}', 'purity: An async function'],
  ['await', 'export const used = await 1;', 'purity: await'],
  ['a promise', 'export const used = () => Promise.resolve(1);', 'purity: "Promise"'],
];
const pureFolders = ['libs/kernel/src', 'apps/orders/src/domain', 'apps/catalog/src/stock/domain'];
const impurities = impure.flatMap(([what, code, refused], number) =>
  pureFolders.map((folder): Seed & { what: string } => ({ what, at: `${folder}/impure-${number}.ts`, code, refused })),
);

const clean: Seed[] = [
  { at: 'libs/kernel/src/a.ts', code: `export const born = (at: string) => new Date(at).getTime();\n` },
  {
    at: 'libs/kernel/src/a.spec.ts',
    code: `import { it } from 'vitest';\nit('waits', async () => { await Promise.resolve(Date.now()); });\n`,
  },
  { at: 'libs/contracts/src/a.ts', code: use('@shop/kernel') },
  { at: 'libs/platform/src/a.ts', code: use('@shop/contracts') },
  { at: 'libs/platform/src/a.int.spec.ts', code: use('@shop/testing') },
  { at: 'libs/eventing/src/a.ts', code: use('@shop/platform') },
  { at: 'apps/orders/src/a.ts', code: use('@shop/eventing') },
  { at: 'apps/orders/src/a.spec.ts', code: use('@shop/testing') },
  {
    at: 'apps/orders/src/domain/order.ts',
    code: `import type { Money } from '@shop/kernel';\nexport const paid = (money: Money) => Math.max(0, money.amount);\n`,
  },
  { at: 'infra/a.ts', code: use('@shop/orders') },
  { at: 'practices/a.ts', code: use('@shop/eventing') },
  { at: 'practices/b.ts', code: use('@shop/orders') },
  { at: 'practices/checker/a.ts', code: use('@shop/contracts') },
  { at: 'practices/dead-letters/nest-consumer.ts', code: use('@nestjs/microservices') },
  { at: 'tools/a.ts', code: use('@shop/infra/servers') },
];

const workspaces: string[] = [];
afterAll(() => {
  for (const folder of workspaces) rmSync(folder, { recursive: true, force: true });
});

describe('a seeded violation is refused', () => {
  let messages: Map<string, string[]>;
  beforeAll(() => {
    const workspace = seeded([...dependencies, ...impurities]);
    messages = lint(workspace);
  }, 60_000);

  it.each(dependencies)('$at: $refused', ({ at, refused }) =>
    expect(messages.get(at)).toContainEqual(expect.stringContaining(refused ?? '')),
  );
  it.each(impurities)('$what in $at', ({ at, refused }) =>
    expect(messages.get(at)).toContainEqual(expect.stringContaining(refused ?? '')),
  );
});

describe('what the rules allow', () => {
  it('passes without a word', () => expect(Object.fromEntries(lint(seeded(clean)))).toEqual({}), 60_000);
});

describe('without a project graph', () => {
  it('lint fails instead of skipping the boundaries', () => {
    const { status, stderr } = eslint(seeded(clean), '--format', 'json', '.');
    expect(stderr).toContain('Lint through nx');
    expect(status).not.toBe(0);
  }, 60_000);
});

/** A workspace with our projects and rules, whose only sources are the seeds. */
function seeded(seeds: Seed[]): string {
  const workspace = realpathSync(mkdtempSync(join(tmpdir(), 'boundaries-')));
  workspaces.push(workspace);
  const settings = [
    '*.json',
    'eslint.config.mjs',
    'tools/*.mjs',
    '{apps,libs}/*/{package,tsconfig}.json',
    '{infra,tools}/{package,tsconfig}.json',
    '{load-tests,practices}/{project,tsconfig}.json',
  ];
  for (const file of globSync(settings, { cwd: root })) cpSync(join(root, file), join(workspace, file));
  linkPackages(workspace);
  for (const { at, code } of seeds) {
    mkdirSync(dirname(join(workspace, at)), { recursive: true });
    writeFileSync(join(workspace, at), code);
  }
  return workspace;
}

/** The installed packages by link, except ours, which have to be those of the seeded workspace. */
function linkPackages(workspace: string) {
  const modules = join(workspace, 'node_modules');
  mkdirSync(join(modules, '@shop'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@shop') symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const file of globSync(['{apps,libs}/*/package.json', '{infra,tools}/package.json'], { cwd: root })) {
    symlinkSync(join(workspace, dirname(file)), join(modules, '@shop', dirname(file).split('/').at(-1) ?? ''));
  }
}

/** Every message by file, from ESLint run as `nx run-many -t lint` does: with the graph that nx has just made. */
function lint(workspace: string): Map<string, string[]> {
  const environment = { ...process.env, NX_DAEMON: 'false', NX_WORKSPACE_ROOT_PATH: workspace };
  execFileSync(process.execPath, [join(root, 'node_modules/nx/dist/bin/nx.js'), 'graph', '--file', 'graph.json'], {
    cwd: workspace,
    env: environment,
    stdio: 'pipe',
  });
  const { stdout, stderr } = eslint(workspace, '--format', 'json', '.');
  if (!stdout.startsWith('[')) throw new Error(stdout + stderr);
  const results = JSON.parse(stdout) as { filePath: string; messages: { message: string }[] }[];
  return new Map(
    results.flatMap(({ filePath, messages }) =>
      messages.length ? [[relative(workspace, filePath), messages.map(({ message }) => message)]] : [],
    ),
  );
}

function eslint(workspace: string, ...args: string[]) {
  return spawnSync(process.execPath, [join(root, 'node_modules/eslint/bin/eslint.js'), ...args], {
    cwd: workspace,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
}
