import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** A request as a service behind the door saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (seen: Seen, response: ServerResponse) => void;

/** Stands in for a service behind the door: notes what it is asked, answers as it is told. */
export class FakeService {
  readonly seen: Seen[] = [];
  answer: Answer = (_seen, response) => void response.writeHead(404).end();
  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeService> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const seen = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        fake.seen.push(seen);
        fake.answer(seen, response);
      });
    });
    const fake = new FakeService(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get last(): Seen {
    return this.seen.at(-1) as Seen;
  }

  /** Answers each request with this JSON. */
  says(status: number, body: unknown, headers: Record<string, string> = {}): void {
    this.answer = (_seen, response) =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => void this.server.close(() => resolve()));
  }
}

/** Publishes keys and signs access tokens, as auth does. */
export async function fakeIssuer(issuer: string) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = await FakeService.start();
  keys.says(200, { keys: [{ ...(await exportJWK(publicKey)), kid: 'spec', alg: 'ES256', use: 'sig' }] });
  return {
    jwksUrl: keys.url,
    stop: () => keys.stop(),
    /** `lasts`: as jose says it, `5m`. */
    token: (scope: string, roles: readonly string[] = ['customer'], lasts = '5m', more: Record<string, unknown> = {}) =>
      new SignJWT({ client_id: 'shop-cli', scope, roles, ...more })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'spec' })
        .setIssuer(issuer)
        .setAudience('shop')
        .setSubject('customer-1')
        .setIssuedAt()
        .setExpirationTime(lasts)
        .sign(privateKey),
  };
}

/** Sends a request for exactly this target: fetch would bring it into the one spelling that it likes. */
export function byBytes(
  url: string,
  method: string,
  target: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string; headers: IncomingHttpHeaders; body: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method, path: target, headers: { connection: 'close', ...headers } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'] ?? '',
            headers: answer.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on('error', reject).end();
  });
}
