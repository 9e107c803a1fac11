import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { randomUUIDv7 } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Unverified } from './addresses.ts';
import { AuthAddresses } from './auth-addresses.ts';
import { Undeliverable } from './mailer.ts';

/** Auth as far as it matters here: it counts the tokens it gives out and takes only the last. */
const auth = { tokens: 0, away: false, lifetime: 300, asked: '' };

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (auth.away) return void send(503, {});
  if (request.url === '/oidc/token') {
    auth.asked = `${request.headers.authorization} ${request.headers['content-type']} ${await text(request)}`;
    return void send(200, { access_token: `token-${++auth.tokens}`, token_type: 'Bearer', expires_in: auth.lifetime });
  }
  if (request.headers.authorization !== `Bearer token-${auth.tokens}`) return void send(401, {});
  const id = request.url?.split('/')[2] ?? '';
  return void (id === gone
    ? send(404, {})
    : send(200, { id, email: `${id}@example.com`, name: 'Ada', ...(id === unproven && { verified: false }) }));
}

const [gone, unproven] = [randomUUIDv7(), randomUUIDv7()];
const server = createServer((request, response) => void answer(request, response));
let addresses: AuthAddresses;

beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
afterAll(() => server.close());
beforeEach(() => {
  Object.assign(auth, { tokens: 0, away: false, lifetime: 300 });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  addresses = new AuthAddresses({ urls: [url], clientId: 'notifications', clientSecret: 'secret:with/signs' });
});
afterEach(() => addresses.close());

describe('addresses from auth', () => {
  it('are asked for with one token, however many are wanted at once', async () => {
    const ids = Array.from({ length: 10 }, () => randomUUIDv7());
    expect(await Promise.all(ids.map((id) => addresses.of(id)))).toEqual(
      ids.map((id) => ({ name: 'Ada', address: `${id}@example.com` })),
    );
    expect(auth.tokens).toBe(1);
  });

  it('are asked for in the name of this service', async () => {
    await addresses.of(randomUUIDv7());
    const credentials = Buffer.from('notifications:secret%3Awith%2Fsigns').toString('base64');
    expect(auth.asked).toBe(
      `Basic ${credentials} application/x-www-form-urlencoded grant_type=client_credentials&scope=accounts%3Aread&resource=urn%3Ashop%3Aauth`,
    );
  });

  it('come with a new token when the old one is about to end', async () => {
    auth.lifetime = 20;
    await addresses.of(randomUUIDv7());
    await addresses.of(randomUUIDv7());
    expect(auth.tokens).toBe(2);
  });

  it('come with a new token after the old one was refused', async () => {
    await addresses.of(randomUUIDv7());
    auth.tokens++;
    await expect(addresses.of(randomUUIDv7())).rejects.toMatchObject({ status: 401 });
    expect(await addresses.of(randomUUIDv7())).toMatchObject({ name: 'Ada' });
  });

  it('come again after auth was away', async () => {
    auth.away = true;
    await expect(addresses.of(randomUUIDv7())).rejects.not.toBeInstanceOf(Undeliverable);
    auth.away = false;
    expect(await addresses.of(randomUUIDv7())).toMatchObject({ name: 'Ada' });
  });

  it('are not to be had while nobody has proven that they are theirs', async () => {
    await expect(addresses.of(unproven)).rejects.toEqual(new Unverified());
  });

  it('are not to be had of an account that is gone', async () => {
    await expect(addresses.of(gone)).rejects.toEqual(new Undeliverable('account-gone'));
  });
});
