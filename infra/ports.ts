import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { takeLock } from './process-lock.mjs';

/**
 * Where the servers listen unless somebody else does: not the usual ports, which a developer's own servers may want.
 */
export const serverPorts = {
  postgres: 15432,
  kafka: 19092,
  redis: 16379,
  rabbitmq: 15673,
  sqs: 19324,
  zipkin: 19411,
} as const;

/**
 * Finds a free loopback port for each wish: the wished one where it is free and not wished twice, else any. A wish of 0
 * is "any". All are held until the last is found, so that no two are the same, and then reserved for this process until
 * it ends: between our looking and the server's listening nothing else would keep another start on this machine from
 * choosing the same ones. "Any" is below the range that outgoing connections take theirs from, or one of those could be
 * given the port before the server that it is for has started.
 */
export async function freePorts(wishes: number[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    for (const wish of wishes) held.push((await hold(wish)) ?? (await holdAny()));
    return held.map((server) => (server.address() as { port: number }).port);
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** The host of a URL as a socket takes it: an IPv6 address stands in brackets there. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** Whether nobody listens there. */
export async function isFree(port: number): Promise<boolean> {
  return (await freePorts([port]))[0] === port;
}

async function holdAny(): Promise<Server> {
  for (;;) {
    const held = await hold(randomInt(20_000, 32_000));
    if (held) return held;
  }
}

function hold(port: number): Promise<Server | undefined> {
  if (port === 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      if (reserve(port)) resolve(server);
      else server.close(() => resolve(undefined));
    });
  });
}

const reservations = new Map<number, () => void>();
process.once('exit', () => reservations.forEach((release) => release()));

/**
 * Between launchers of one user, in a folder of that user's (in a common one, others could lay links for us to write
 * through); what a killed one reserved is free again. Where reservations cannot be written, there are none.
 */
function reserve(port: number): boolean {
  if (reservations.has(port)) return true;
  try {
    const lock = takeLock(join(cacheFolder, 'ports', String(port)));
    if (lock.taken) reservations.set(port, lock.release);
    return lock.taken;
  } catch {
    return true;
  }
}
