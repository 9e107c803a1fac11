import { spawnSync } from 'node:child_process';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts, isFree } from './ports.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function busyPort(): Promise<number> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('free ports', () => {
  it('are the wished ones where they are free', async () => {
    const [wish] = (await freePorts([0])) as [number];
    expect(await freePorts([wish])).toEqual([wish]);
  });

  it('are others where somebody listens already', async () => {
    const busy = await busyPort();
    expect(await isFree(busy)).toBe(false);
    expect(await freePorts([busy])).not.toEqual([busy]);
  });

  it('are all different, even when the same is wished twice', async () => {
    const [wish] = (await freePorts([0])) as [number];
    const found = await freePorts([wish, wish, 0, 0]);
    expect(new Set(found).size).toBe(4);
    expect(found[0]).toBe(wish);
  });

  it('are not those that another start on this machine has chosen and does not listen on yet', async () => {
    const [wish] = (await freePorts([0])) as [number];
    const script = `import { freePorts } from '${new URL('./ports.ts', import.meta.url).href}'; process.stdout.write(String((await freePorts([${wish}]))[0]));`;
    const { stdout } = spawnSync(
      process.execPath,
      ['--import', './tools/ts.mjs', '--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).not.toBe(wish);
  });
});
