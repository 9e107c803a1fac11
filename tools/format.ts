/**
 * `npm run format`: lays out every source file by biome.json; with `-- --check`, as part of lint, only says which are
 * not.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const check = process.argv.includes('--check');
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
const args = [biome, 'format', ...(check ? [] : ['--write']), '.'];
const { status } = spawnSync(process.execPath, args, {
  cwd: resolve(import.meta.dirname, '..'),
  stdio: 'inherit',
  timeout: 120_000,
});
if (status !== 0 && check) console.error('Not formatted: "npm run format" does it.');
process.exitCode = status ?? 1;
