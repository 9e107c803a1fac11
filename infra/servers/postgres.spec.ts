import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresObstacle } from './postgres.ts';

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  userInfo: () => {
    throw new Error('ENOENT: no such user');
  },
}));

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'postgres-'));
  vi.stubEnv('PATH', home);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

function unshare(script: string): void {
  writeFileSync(join(home, 'unshare'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(home, 'unshare'), 0o755);
}

describe('native Postgres, run as a user whom the system does not know', () => {
  it.each([
    ['there is no unshare', undefined],
    ['a container forbids user namespaces', 'echo "unshare: unshare failed: Operation not permitted" >&2; exit 1'],
  ])('says the next step before anything is started where %s', (_, script) => {
    if (script) unshare(script);
    expect(postgresObstacle(home)).toMatch(
      /user \d+ has no entry in \/etc\/passwd.*\nGive it one .*\/etc\/passwd.*or set POSTGRES_URL\.$/,
    );
  });

  it('has no obstacle where it may be another in a namespace of its own', () => {
    unshare('exit 0');
    expect(postgresObstacle(home)).toBeUndefined();
  });

  it('has none where its data is there already', () => {
    writeFileSync(join(home, 'PG_VERSION'), '18');
    expect(postgresObstacle(home)).toBeUndefined();
  });
});
