import { fileURLToPath } from 'node:url';
import { DockerComposeEnvironment, Wait } from 'testcontainers';
import { freePorts } from '../ports.ts';
import type { State } from '../state.ts';
import { passing, stopCompose } from './docker.ts';
import type { ServerName, Source } from './index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The containers of docker-compose.yml for one test run: on any free ports, and gone with their data afterwards, whatever becomes of the run. */
export function testContainers(state: State, names: ServerName[]): Record<ServerName, Source> {
  const password = state.secret('postgres');
  let up: Promise<Record<ServerName, number>> | undefined;
  const source = (name: ServerName, url: (port: number) => string): Source => ({
    how: 'docker',
    start: async () => url((await (up ??= bringUp(state, names, password)))[name]),
  });
  return {
    postgres: source('postgres', (port) => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`),
    kafka: source('kafka', (port) => `127.0.0.1:${port}`),
    redis: source('redis', (port) => `redis://127.0.0.1:${port}`),
  };
}

async function bringUp(state: State, names: ServerName[], password: string): Promise<Record<ServerName, number>> {
  const [postgres, kafka, redis] = (await freePorts([0, 0, 0])) as [number, number, number];
  // Testcontainers' own reaper ends what a killed run leaves; where it is switched off, the next run does.
  const project = passing(state.folder, { postgres, kafka, redis });
  state.defer(() => stopCompose(state.folder));
  await new DockerComposeEnvironment(root, 'docker-compose.yml')
    .withProjectName(project)
    .withEnvironment({ POSTGRES_PASSWORD: password, POSTGRES_PORT: `${postgres}`, KAFKA_PORT: `${kafka}`, REDIS_PORT: `${redis}` })
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .up(names);
  return { postgres, kafka, redis };
}
