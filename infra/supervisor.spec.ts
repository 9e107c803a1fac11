import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Processes } from './processes.ts';
import { Supervised } from './supervisor.ts';

let folder: string;
let processes: Processes;
const said: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'supervised-'));
  processes = new Processes(join(folder, 'processes'));
  said.length = 0;
});
afterEach(async () => {
  await processes.stopAll();
  rmSync(folder, { recursive: true });
});

function supervised(script: string, isReady = () => Promise.resolve()): Supervised {
  const command = { name: 'orders-1', command: '/bin/sh', args: ['-c', script], log: join(folder, 'log'), cwd: folder };
  return new Supervised(
    processes,
    () => command,
    isReady,
    (line) => said.push(line),
  );
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !condition(); await sleep(10))
    if (Date.now() > deadline) throw new Error('never happened');
}

describe('a supervised process', () => {
  it('is started again when it is killed', async () => {
    const orders = supervised('exec sleep 60');
    await orders.start();
    const first = orders.pid;
    await orders.kill('SIGKILL');
    await until(() => orders.restarts === 1 && orders.pid !== first);
    expect(said).toEqual([expect.stringContaining('orders-1 died')]);
  });

  it('stays down when it is stopped', async () => {
    const orders = supervised('exec sleep 60');
    await orders.start();
    await orders.stop();
    await sleep(300);
    expect([orders.restarts, processes.pids, said]).toEqual([0, [], []]);
  });

  it('stays down when it is stopped before it has quite begun', async () => {
    const orders = supervised('exec sleep 60', () => Promise.reject(new Error('not yet')));
    const starting = orders.start().catch((error: Error) => error.message);
    await orders.stop();
    expect(await starting).toContain('ended while starting');
    expect(processes.pids).toEqual([]);
  });

  it('that dies before it is ready fails the start, and shows why', async () => {
    const orders = supervised('echo "DATABASE_URL is missing"; exit 1', () => Promise.reject(new Error('not yet')));
    await expect(orders.start()).rejects.toThrow(/ended while starting[^]*DATABASE_URL is missing/);
    expect(orders.restarts).toBe(0);
  });
});
