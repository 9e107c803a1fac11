import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { makeSecrets, secretVariables } from './shop-secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the secrets of compose.yaml', () => {
  it('are made once and kept', () => {
    const file = join(folder, 'once');
    expect(makeSecrets(file)).toBe('made');
    const made = readFileSync(file, 'utf8');
    expect([makeSecrets(file), readFileSync(file, 'utf8')]).toEqual(['kept', made]);
  });

  it('of an earlier release get those that came since, and keep what is there', () => {
    const file = join(folder, 'earlier');
    const { FACTOR_KEYS, ...earlier } = secretVariables('seed'.repeat(8));
    writeFileSync(
      file,
      Object.entries({ ...earlier, PROVIDER_KEY: 'changed' })
        .map(([name, value]) => `${name}=${value}`)
        .join('\n'),
    );
    expect(makeSecrets(file)).toBe('completed');
    expect(parseEnv(readFileSync(file, 'utf8'))).toEqual({ ...earlier, PROVIDER_KEY: 'changed', FACTOR_KEYS });
  });
});
