import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openState, type State } from '../state.ts';
import { composeServers, dockerObstacle, imageObstacle, passing, removeCompose, stopCompose } from './docker.ts';

/**
 * A Docker whose engine, plugin, containers and volume are files. The volume keeps the password it was first started
 * with, as Postgres does.
 */
const fake = `#!/bin/sh
cd "$(dirname "$0")"
case "$*" in
  context*) cat endpoint; exit ;;
  'compose version') test -e plugin; exit ;;
  *' config --images rabbitmq') echo rabbitmq:3; exit ;;
  'image inspect rabbitmq:3') test -e image; exit ;;
  'pull --quiet rabbitmq:3') test -e registry || { printf 'Pulling\\nno such host\\n' >&2; exit 1; }; touch image; exit ;;
esac
test -e engine || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }
case "$*" in
  *' up '*)
    test -e volume || echo "$POSTGRES_PASSWORD" > volume
    echo "$POSTGRES_PORT" > running
    test ! -e slow || exec sleep 60 ;;
  *' ps --quiet') test ! -e running || cat running ;;
  *' stop') rm -f running ;;
  *' down --volumes '*) rm -f running volume ;;
esac`;

let home: string;
const path = (name: string) => join(home, name);
const has = (name: string) => existsSync(path(name));
const put = (name: string, text = '') => writeFileSync(path(name), text);
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'docker-'));
  put('docker', fake);
  chmodSync(path('docker'), 0o755);
  put('endpoint', 'unix:///var/run/docker.sock\n');
  put('engine');
  put('plugin');
  vi.stubEnv('PATH', `${home}${delimiter}${process.env['PATH']}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

describe('Docker is used', () => {
  it('where an engine answers and there is compose', async () => {
    expect(await dockerObstacle()).toBeUndefined();
  });

  it('not where it is not installed', async () => {
    vi.stubEnv('PATH', '/nowhere');
    expect(await dockerObstacle()).toBe('no Docker');
  });

  it('not where no engine answers', async () => {
    rmSync(path('engine'));
    expect(await dockerObstacle()).toBe('a Docker client, but no engine answers');
  });

  it('not without compose', async () => {
    rmSync(path('plugin'));
    expect(await dockerObstacle()).toBe('a Docker engine, but no "docker compose"');
  });

  it.each(['tcp://10.0.0.1:2375', 'ssh://me@build.example'])(
    'not at %s: what it publishes on loopback is not on ours',
    async (endpoint) => {
      put('endpoint', endpoint);
      expect(await dockerObstacle()).toBe(`a Docker client, but its engine is on another machine (${endpoint})`);
    },
  );

  it.each(['tcp://localhost:2375', 'npipe:////./pipe/docker_engine'])('at %s', async (endpoint) => {
    put('endpoint', endpoint);
    expect(await dockerObstacle()).toBeUndefined();
  });
});

describe('an image', () => {
  it('is fetched when it is not here', async () => {
    put('registry');
    expect(await imageObstacle('rabbitmq')).toBeUndefined();
    expect(has('image')).toBe(true);
  });

  it('is not fetched when it is here', async () => {
    put('image');
    expect(await imageObstacle('rabbitmq')).toBeUndefined();
  });

  it('that cannot be had is told in a sentence', async () => {
    expect(await imageObstacle('rabbitmq')).toBe(
      'The image rabbitmq:3 is not on this machine and cannot be fetched: no such host.',
    );
  });
});

describe('containers', () => {
  const open = () => openState(path('state'), () => {});
  const start = (state: State) => composeServers(state, ['postgres', 'kafka', 'redis'], () => {}).postgres.start();

  it('keep their data when they are stopped, until they are removed', async () => {
    const state = await open();
    await start(state);
    await state.close();
    expect([has('running'), has('volume')]).toEqual([false, true]);
    expect(await stopCompose(state.folder)).toBe(false);
    await removeCompose(state.folder);
    expect(has('volume')).toBe(false);
  });

  it('leave nothing when their first start is interrupted: half-initialised data is of no use', async () => {
    put('slow');
    const state = await open();
    const interrupted = expect(start(state)).rejects.toThrow('docker-compose');
    await vi.waitFor(() => expect(has('running')).toBe(true), { timeout: 5_000 });
    await state.close();
    await interrupted;
    expect([has('running'), has('volume')]).toEqual([false, false]);
  });

  it('that a killed start left running are used again as they are', async () => {
    const killed = await open();
    const url = await start(killed);
    const [noted, running] = [readFileSync(join(killed.folder, 'docker.json')), readFileSync(path('running'), 'utf8')];
    await killed.close();
    writeFileSync(join(killed.folder, 'docker.json'), noted);
    put('running', running);
    const state = await open();
    expect(await start(state)).toBe(url);
    await state.close();
  });

  it('of a state folder that was removed do not come back: nobody knows their password', async () => {
    const first = await open();
    await start(first);
    await first.close();
    rmSync(first.folder, { recursive: true });
    const second = await open();
    await start(second);
    expect(readFileSync(path('volume'), 'utf8').trim()).toBe(second.secret('postgres'));
    await second.close();
  });

  it('of a test run that was killed are removed with their data', async () => {
    const state = await open();
    passing(state.folder, { postgres: 1, kafka: 2, redis: 3, rabbitmq: 4, sqs: 5, zipkin: 6 });
    put('running');
    put('volume');
    await state.close();
    expect(await stopCompose(state.folder)).toBe(true);
    expect([has('running'), has('volume')]).toEqual([false, false]);
  });

  it('that cannot be reached are not forgotten', async () => {
    const state = await open();
    await start(state);
    rmSync(path('engine'));
    await expect(stopCompose(state.folder)).rejects.toThrow('Start Docker and try again');
    put('engine');
    expect(await stopCompose(state.folder)).toBe(true);
    await state.close();
  });
});
