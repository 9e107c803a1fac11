import { fileURLToPath } from 'node:url';
import { DockerComposeEnvironment, Wait } from 'testcontainers';
import { freePorts, serverPorts } from '../ports.ts';
import type { State } from '../state.ts';
import { composeVariables, inContainers, passing, stopCompose } from './docker.ts';
import type { ServerName, Source } from './index.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));

/**
 * The containers of compose.yaml for one test run: on any free ports, and gone with their data afterwards, whatever
 * becomes of the run.
 */
export function testContainers(state: State, names: ServerName[]): Record<ServerName, Source> {
  return inContainers(state, () => bringUp(state, names));
}

async function bringUp(state: State, names: ServerName[]): Promise<Record<ServerName, number>> {
  const all = Object.keys(serverPorts) as ServerName[];
  const found = await freePorts(all.map(() => 0));
  const ports = Object.fromEntries(all.map((name, index) => [name, found[index]])) as Record<ServerName, number>;
  // Testcontainers' own reaper ends what a killed run leaves; where it is switched off, the next run does.
  const project = passing(state.folder, ports);
  state.defer(() => stopCompose(state.folder));
  await new DockerComposeEnvironment(folder, 'compose.yaml')
    .withProjectName(project)
    .withEnvironment(composeVariables(state, ports))
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .up(names);
  return ports;
}
