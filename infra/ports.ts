import { createServer, type Server } from 'node:net';

/**
 * Finds a free loopback port for each wish: the wished one where it is free and not wished twice, else any. A wish of 0 is "any".
 * All are held until the last is found, so that no two are the same.
 */
export async function freePorts(wishes: number[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    for (const wish of wishes) held.push((await hold(wish)) ?? (await hold(0))!);
    return held.map((server) => (server.address() as { port: number }).port);
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Whether nobody listens there. */
export async function isFree(port: number): Promise<boolean> {
  return (await freePorts([port]))[0] === port;
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => (port === 0 ? reject(error) : resolve(undefined)));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}
