import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { hostOf } from '../ports.ts';

/**
 * The line between a shop and a Redis that it shares with others: cut, to the shop Redis is dead; silenced, it is there
 * and never answers.
 */
export class RedisLine {
  private readonly sockets = new Set<Socket>();
  private state: 'open' | 'cut' | 'silent' = 'open';

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (socket) => this.pass(socket));
  }

  static async to(url: string): Promise<RedisLine> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return new RedisLine(server, new URL(url));
  }

  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  cut(): void {
    this.state = 'cut';
    this.drop();
  }

  silence(): void {
    this.state = 'silent';
  }

  mend(): void {
    this.state = 'open';
    this.drop();
  }

  stop(): void {
    this.server.close();
    this.drop();
  }

  private drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private pass(client: Socket): void {
    if (this.state === 'cut') return void client.destroy();
    const redis = connect(Number(this.target.port || 6379), hostOf(this.target));
    for (const [from, to] of [
      [client, redis],
      [redis, client],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => {}).on('close', () => (this.sockets.delete(from), to.destroy()));
      from.on('data', (data) => this.state === 'open' && to.write(data));
    }
  }
}
