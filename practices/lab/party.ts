import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Another party that a process of an experiment calls: it counts what reaches it, and does what the experiment says.
 */
export class Party {
  calls = 0;

  private constructor(private readonly server: Server) {}

  static async start(listener: RequestListener): Promise<Party> {
    const party: Party = new Party(
      createServer((request, response) => {
        party.calls++;
        request.resume();
        listener(request, response);
      }),
    );
    await new Promise<void>((listening) => party.server.listen(0, '127.0.0.1', listening));
    return party;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}
