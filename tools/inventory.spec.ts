import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(resolve(root, path), 'utf8');
const page = read('docs/security/inventory.md');
const lacks = (names: Iterable<string>) => [...new Set(names)].filter((name) => !page.includes(`\`${name}\``)).sort();

it('every key, secret and certificate that a service reads is in the inventory', () => {
  const files = ['libs/platform/src/config/settings.ts', ...globSync('apps/*/src/{,*.}config.ts', { cwd: root })];
  const secret =
    /\b([A-Z]+(?:_[A-Z]+)*_(?:KEYS?|SECRET|PASSWORD|CA_FILE|CERT_FILE|KEY_FILE)|CLIENT_SECRET|DATABASE_URL|DATABASE_DIRECT_URL|REPLICATION_URL|REDIS_URL|SMTP_URL)\b/g;
  const named = files.flatMap((file) => [...read(file).matchAll(secret)].map(([, name = '']) => name));
  expect(new Set(named).size).toBeGreaterThan(10);
  expect(lacks(named)).toEqual([]);
});

it('every security event is in the inventory of what is written down', () => {
  const [, union = ''] = /export type SecurityEvent =([^;]+);/.exec(read('apps/auth/src/audit/audit.ts')) ?? [];
  const events = [...union.matchAll(/'([a-z-]+)'/g)].map(([, name = '']) => name);
  expect(events.length).toBeGreaterThan(20);
  expect(lacks(events)).toEqual([]);
});
