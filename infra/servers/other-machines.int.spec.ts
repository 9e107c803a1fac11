import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describeWith } from '@shop/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
/** What a person's shell may hold for other programs; each of these ended a start, or led it to another server. */
const shell = {
  PGSSLMODE: 'require',
  PGHOST: '192.0.2.1',
  PGPORT: '1',
  PGOPTIONS: '-c search_path=nowhere -c default_transaction_read_only=on',
  PGDATA: '/nowhere',
  KAFKA_OPTS: '-javaagent:/nowhere.jar',
  JAVA_TOOL_OPTIONS: '-Xmx2m',
  JDK_JAVA_OPTIONS: '-Xmx2m',
  _JAVA_OPTIONS: '-Xmx2m',
  CLASSPATH: '/nowhere.jar',
  NODE_USE_ENV_PROXY: '1',
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  ALL_PROXY: 'socks5://127.0.0.1:9',
  OTEL_METRICS_EXPORTER: 'console',
  OTEL_TRACES_SAMPLER_ARG: 'all',
  LOG_LEVEL: 'DEBUG',
  LANG: 'C',
  LC_ALL: 'POSIX',
  XDG_CACHE_HOME: '',
  REDIS_URL: '',
  POSTGRES_URL: '',
  KAFKA_BROKERS: '',
  KAFKA_CLIENT: '',
  BUS: '',
  OUTBOX_DRIVER: '',
};

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'machine-'));
  chmodSync(home, 0o755); // as root, Postgres's user passes through
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Starts the servers from that clone in a process of its own, whose environment begins with this one's. */
async function servers(clone: string, env: Record<string, string>) {
  const args = ['--import', './tools/ts.mjs', 'infra/servers/servers.fixture.ts', join(clone, '.state')];
  const child = spawn(process.execPath, args, {
    cwd: clone,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(out, said).not.toBe('');
  return JSON.parse(out) as { data: string; pong: string; own: string };
}

/** Enough of a clone to start its servers: its own files, and packages of this one. */
function cloneIn(folder: string): string {
  for (const part of ['infra', 'tools', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

describeWith('kafka', 'the servers of a clone', () => {
  describe('on a machine that somebody else has set up', { timeout: 60_000 }, () => {
    it('start whatever the shell says of other servers, proxies, languages and Java', async () => {
      const clone = cloneIn(join(home, 'clone'));
      expect(await servers(clone, shell)).toEqual({
        data: join(clone, '.state/postgres/data'),
        pong: 'PONG',
        own: 'answered',
      });
    });

    it('keep their data in the clone, whatever its folder is called', async () => {
      const clone = cloneIn(join(home, 'Büro, Öl & 100% #1'));
      expect(await servers(clone, { LANG: 'C' })).toMatchObject({
        data: join(clone, '.state/postgres/data'),
        pong: 'PONG',
      });
      expect(existsSync(join(clone, '.state/kafka/data/meta.properties'))).toBe(true);
      expect(readdirSync(home)).toEqual(['Büro, Öl & 100% #1']);
      expect(existsSync('/Öl & 100% #1')).toBe(false);
    });
  });
});
