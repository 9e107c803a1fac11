import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { hostOf } from '@shop/infra/ports';

/** How long a piece under way is kept, in milliseconds, when the line is slow. */
const SLOW_MS = 800;

export type Ailment = 'slow' | 'resetting' | 'silent';

/**
 * A TCP line between a service and its server that can be made worse: slow, broken as soon as anything is said, or
 * silent without being closed.
 */
export class SlowLine {
  /** Pieces that were kept, broken off, or swallowed since it fell ill. */
  hits = 0;
  private readonly sockets = new Set<Socket>();
  private readonly fars = new Set<Socket>();
  private ailment: Ailment | undefined;

  private constructor(
    private readonly server: Server,
    private readonly to: URL,
  ) {
    server.on('connection', (near) => this.join(near));
  }

  /** A line to the server of a URL. */
  static async to(url: string): Promise<SlowLine> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return new SlowLine(server, new URL(url));
  }

  /** The same server, through this line. */
  through(url: string): string {
    const ours = new URL(url);
    ours.hostname = '127.0.0.1';
    ours.port = String((this.server.address() as AddressInfo).port);
    return ours.href;
  }

  /** The ports by which the server knows those who come through this line. */
  get ports(): number[] {
    return [...this.fars].flatMap(({ localPort }) => localPort ?? []);
  }

  fallIll(ailment: Ailment): void {
    [this.ailment, this.hits] = [ailment, 0];
  }

  /** Well again. What it swallowed is lost: whoever waits for that finds out by himself. */
  recover(): void {
    this.ailment = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(near: Socket): void {
    const far = connect(Number(this.to.port), hostOf(this.to));
    this.fars.add(far.once('close', () => this.fars.delete(far)));
    this.carry(near, far);
    this.carry(far, near);
  }

  private carry(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (piece) => this.pass(piece, from, to));
    // An end is an end only when all that came before it has arrived.
    from.on('end', () => setTimeout(() => to.end(), this.ailment === 'slow' ? SLOW_MS : 0));
    from.on('error', () => to.destroy());
    from.on('close', () => this.sockets.delete(from));
  }

  private pass(piece: Buffer, from: Socket, to: Socket): void {
    if (this.ailment) this.hits++;
    if (this.ailment === 'silent') return;
    if (this.ailment === 'resetting') {
      from.resetAndDestroy();
      to.resetAndDestroy();
    } else if (this.ailment === 'slow') setTimeout(() => to.writable && to.write(piece), SLOW_MS);
    else to.write(piece);
  }
}
