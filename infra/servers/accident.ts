import { setTimeout as sleep } from 'node:timers/promises';
import { Obstacle } from '../state.ts';
import type { Servers } from './index.ts';
import { nativeKafka } from './kafka.ts';
import { nativePostgres } from './postgres.ts';

/** A server as an accident treats it. */
export interface Breakable {
  /** Whether its process is there. */
  readonly runs: boolean;
  /** Kills it and resolves when it is gone. Postgres takes its sessions with it ("immediate"), as a machine that loses its power does. */
  kill(): Promise<void>;
  /** Brings it back, at its old address and with its data. */
  start(): Promise<void>;
}

/** The hand on a server of these: only one that was started natively can be killed by us. */
export function breakable({ state, how, ...servers }: Servers, name: 'postgres' | 'kafka'): Breakable {
  if (how[name] !== 'native') throw new Obstacle(`${name} is not ours to kill: it comes from ${how[name]}.`);
  const port = Number(name === 'kafka' ? servers.kafka?.brokers.split(':')[1] : new URL(servers.postgres.adminUrl).port);
  const source = name === 'kafka' ? nativeKafka(state, port, () => {}) : nativePostgres(state, port);
  const running = () => state.processes.pids.find((each) => each.name === name);
  return {
    get runs() {
      return running() !== undefined;
    },
    async kill() {
      const victim = running();
      if (!victim) throw new Error(`${name} does not run`);
      process.kill(victim.pid, name === 'kafka' ? 'SIGKILL' : 'SIGQUIT');
      while (running()) await sleep(10);
    },
    async start() {
      await source.start();
    },
  };
}
