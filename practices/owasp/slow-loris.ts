import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';

/**
 * Opens connections from these addresses in turn, and sends on each the beginning of a request, and a header a second
 * that never ends it.
 */
export class SlowLoris {
  /** Connections that were ever taken. */
  reached = 0;
  private readonly sockets = new Set<Socket>();
  private readonly dripping = setInterval(() => this.sockets.forEach((socket) => socket.write('x-a: b\r\n')), 1_000);
  private stopped = false;

  constructor(
    private readonly port: number,
    addresses: readonly string[],
    connections: number,
    private readonly options: { readonly again: boolean },
  ) {
    for (let number = 0; number < connections; number++)
      this.opens(addresses[number % addresses.length] ?? '127.0.0.2');
  }

  /** Connections that are open now and have been for a moment. */
  get open(): number {
    return [...this.sockets].filter(({ readyState }) => readyState === 'open').length;
  }

  /** Until the number of open connections stands still for half a second, or ten seconds have gone by. */
  async settled(): Promise<void> {
    let [before, stood] = [-1, 0];
    for (const until = performance.now() + 10_000; stood < 5 && performance.now() < until; await sleep(100)) {
      stood = this.open === before && before > 0 ? stood + 1 : 0;
      before = this.open;
    }
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.dripping);
    for (const socket of this.sockets) socket.destroy();
  }

  private opens(localAddress: string): void {
    const socket = connect({ port: this.port, host: '127.0.0.1', localAddress });
    this.sockets.add(socket);
    socket.on('connect', () => {
      this.reached++;
      socket.write('GET / HTTP/1.1\r\nHost: shop\r\n');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (this.options.again && !this.stopped)
        setTimeout(() => !this.stopped && this.opens(localAddress), 1_000).unref();
    });
  }
}

/** Requests, one after the other, each on a connection of its own, as clients who come for the first time make them. */
export async function asksOnNewConnections(url: URL, count: number): Promise<{ served: number; refused: number }> {
  const told = { served: 0, refused: 0 };
  for (let number = 0; number < count; number++, await sleep(5)) {
    try {
      const { body } = await request(url, { reset: true, signal: AbortSignal.timeout(5_000) });
      await body.dump();
      told.served++;
    } catch {
      told.refused++;
    }
  }
  return told;
}
