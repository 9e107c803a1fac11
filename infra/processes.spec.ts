import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive, startOf } from './process-lock.mjs';
import { endLeftovers, Processes } from './processes.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'processes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const shell = (script: string) => ({
  name: 'server',
  command: '/bin/sh',
  args: ['-c', script],
  log: join(folder, 'log'),
  cwd: folder,
});
const logged = () => readFileSync(join(folder, 'log'), 'utf8');
const records = () => readdirSync(folder).filter((name) => name.endsWith('.json'));

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !condition(); await sleep(10))
    if (Date.now() > deadline) throw new Error('never happened');
}

describe('a process on a leash', () => {
  it('is written down while it runs, ended by its signal, and forgotten then', async () => {
    const processes = new Processes(folder);
    const server = await processes.start({
      ...shell('trap "echo bye; exit 3" HUP; echo up; while :; do sleep 0.05; done'),
      signal: 'SIGHUP',
    });
    await until(() => logged() === 'up\n');
    expect(startOf(server.pid)).toBeDefined();
    expect(records()).toEqual(['server.json']);
    await server.stop();
    expect(await server.exited).toEqual({ code: 3, signal: null });
    expect(logged()).toBe('up\nbye\n');
    expect(records()).toEqual([]);
  });

  it('is killed when it does not end within the deadline', async () => {
    const server = await new Processes(folder).start(shell('trap "" TERM; echo up; while :; do sleep 0.05; done'));
    await until(() => logged() === 'up\n');
    await server.stop(200);
    expect((await server.exited).code).toBe(137);
  });

  it('tells when it has ended by itself', async () => {
    const server = await new Processes(folder).start(shell('exit 7'));
    expect((await server.exited).code).toBe(7);
  });

  it('is not started any more once everything is being stopped', async () => {
    const processes = new Processes(folder);
    const starting = processes.start(shell('sleep 60'));
    await processes.stopAll();
    const server = await starting;
    expect(startOf(server.pid)).toBeUndefined();
    await expect(processes.start(shell('sleep 60'))).rejects.toThrow('being stopped');
  });
});

describe('when the launcher is killed -9', () => {
  it('the process ends in good order by itself', async () => {
    const launcher = await launch('trap "echo bye; exit" TERM; echo up; while :; do sleep 0.05; done');
    await until(() => logged() === 'up\n');
    launcher.kill('SIGKILL');
    await until(() => logged() === 'up\nbye\n');
  });

  it('what outlived it is ended by the next, by identity', async () => {
    const launcher = await launch('trap "" TERM; echo up; while :; do sleep 0.05; done');
    await until(() => logged() === 'up\n');
    const [record] = records().map(
      (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as { pid: number; start: string },
    );
    launcher.kill('SIGKILL');
    await until(() => launcher.killed);
    expect(isAlive(record!)).toBe(true);
    expect(await endLeftovers(folder, 200)).toEqual(['server']);
    expect(isAlive(record!)).toBe(false);
    expect(records()).toEqual([]);
  });

  it('a record that was cut off hides no other', async () => {
    const orphan = spawn('sleep', ['60']);
    writeFileSync(join(folder, 'cut-off.json'), '');
    writeFileSync(
      join(folder, 'server.json'),
      JSON.stringify({ name: 'server', pid: orphan.pid, start: startOf(orphan.pid!), signal: 'SIGTERM' }),
    );
    expect(await endLeftovers(folder)).toEqual(['server']);
  });

  it('a process that was given a recorded id since is left alone', async () => {
    writeFileSync(
      join(folder, 'server.json'),
      JSON.stringify({ name: 'server', pid: process.pid, start: 'before', signal: 'SIGKILL' }),
    );
    expect(await endLeftovers(folder)).toEqual([]);
    expect(records()).toEqual([]);
  });
});

/** A launcher in a process of its own, with one server running. */
async function launch(script: string) {
  const code = `
    import { Processes } from './infra/processes.ts';
    await new Processes(${JSON.stringify(folder)}).start(${JSON.stringify(shell(script))});
    console.log('up');`;
  const args = ['--import', './tools/ts.mjs', '--input-type=module', '-e', code];
  const launcher = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => launcher.stdout.once('data', resolve));
  return launcher;
}
