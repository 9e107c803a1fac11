import { setTimeout as sleep } from 'node:timers/promises';
import { Obstacle } from '../state.ts';
import type { Servers } from './index.ts';
import { nativeKafka } from './kafka.ts';
import { nativePostgres } from './postgres.ts';
import { nativeRedis } from './redis.ts';

/** A server as an accident treats it. */
export interface Breakable {
  /** Whether its process is there. */
  readonly runs: boolean;
  /**
   * Kills it and resolves when it is gone. Postgres takes its sessions with it ("immediate"), as a machine that loses
   * its power does.
   */
  kill(): Promise<void>;
  /** Stops it where it stands (SIGSTOP), so that it is there and never answers, or lets it go on (SIGCONT). */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Brings it back, at its old address and with its data. */
  start(): Promise<void>;
}

/** The hand on a server of these: only one that was started natively can be killed by us. */
export function breakable({ state, how, ...servers }: Servers, name: 'postgres' | 'kafka' | 'redis'): Breakable {
  if (how[name] !== 'native') throw new Obstacle(`${name} is not ours to kill: it comes from ${how[name]}.`);
  const urls = {
    postgres: servers.postgres.adminUrl,
    kafka: `kafka://${servers.kafka?.brokers}`,
    redis: servers.redis?.url ?? '',
  };
  const port = Number(new URL(urls[name]).port);
  const source = {
    postgres: () => nativePostgres(state, port),
    kafka: () => nativeKafka(state, port, () => {}),
    redis: () => nativeRedis(state, port, () => {}),
  }[name]();
  const running = () => state.processes.pids.find((each) => each.name === name);
  return {
    get runs() {
      return running() !== undefined;
    },
    async kill() {
      const victim = running();
      if (!victim) throw new Error(`${name} does not run`);
      process.kill(victim.pid, name === 'postgres' ? 'SIGQUIT' : 'SIGKILL');
      while (running()) await sleep(10);
    },
    signal(signal) {
      const one = running();
      if (!one) throw new Error(`${name} does not run`);
      process.kill(one.pid, signal);
    },
    async start() {
      await source.start();
    },
  };
}
