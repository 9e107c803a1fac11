import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from '../service/run-service.ts';
import { edge, startIssuer, tiny } from '../service/tiny.fixture.ts';

const issuer = await startIssuer();
let services: { inside: RunningService; open: RunningService; proxied: RunningService };
beforeAll(async () => {
  const named = { ...issuer.env('hi'), PUBLIC_HOSTS: 'www.shop.test, gateway' };
  const [inside, open, proxied] = await Promise.all([
    runService(tiny, issuer.env('hello')),
    runService(edge, named),
    runService(edge, { ...named, TRUST_PROXY: '127.0.0.1' }),
  ]);
  services = { inside, open, proxied };
});
afterAll(async () => {
  await Promise.all(Object.values(services).map((service) => service.close()));
  issuer.close();
});

/** The status, and the code of a refusal, of a request of these lines. */
async function asked(which: keyof typeof services, ...lines: string[]): Promise<string> {
  const socket = connect(Number(new URL(services[which].url).port), '127.0.0.1', () =>
    socket.write([...lines, 'Connection: close', '', ''].join('\r\n')),
  );
  const answer = (await socket.setEncoding('utf8').toArray()).join('');
  return [answer.slice(9, 12), /"code":"([^"]+)"/.exec(answer)?.[1]].filter(Boolean).join(' ');
}
const byName = (which: keyof typeof services, host: string, target = '/things') =>
  asked(which, `GET ${target} HTTP/1.1`, `Host: ${host}`);

describe('a service that is public', () => {
  it.each([
    'shop.test',
    'SHOP.test:443',
    'shop.test.',
    'www.shop.test:8080',
    'gateway',
    'localhost',
    'localhost:3000',
    'a.localhost',
    '127.0.0.1:3000',
    '127.1.2.3',
    '[::1]:3000',
  ])('is asked by the name %s', async (host) => {
    expect(await byName('open', host)).toBe('200');
  });

  it.each([
    'evil.test',
    'shop.test.evil.test',
    'evilshop.test',
    '10.0.0.7:3000',
    '[2001:db8::1]',
    'localhost.evil.test',
    '127.0.0.1.evil.test',
  ])('is nobody of the name %s', async (host) => {
    expect(await byName('open', host)).toBe('421 misdirected-request');
    expect(await byName('open', host, '/nothing')).toBe('421 misdirected-request');
    expect(await asked('open', 'OPTIONS /things HTTP/1.1', `Host: ${host}`)).toBe('421 misdirected-request');
  });

  it.each(['', 'http://shop.test', 'a@shop.test', 'shop.test:x', 'shop test', '[::1', 'shop.test/'])(
    'takes "%s" for no name',
    async (host) => {
      expect(await byName('open', host)).toBe('400 host-malformed');
    },
  );

  it('answers probes, which ask by an address, and HTTP/1.0, which names nobody', async () => {
    expect(await byName('open', '10.0.0.7:3000', '/health/ready')).toBe('200');
    expect(await asked('open', 'GET /things HTTP/1.0')).toBe('200');
  });

  it('goes by the host of an absolute form', async () => {
    expect(await byName('open', 'shop.test', 'http://evil.test/things')).toBe('421 misdirected-request');
    expect(await byName('open', 'evil.test', 'http://shop.test/things')).toBe('200');
  });

  it('believes who it was asked for from a proxy that is trusted only', async () => {
    const forwarded = (which: keyof typeof services) =>
      asked(which, 'GET /things HTTP/1.1', 'Host: 10.0.0.7', 'X-Forwarded-Host: shop.test');
    expect([await forwarded('open'), await forwarded('proxied')]).toEqual(['421 misdirected-request', '200']);
  });
});

it('inside, names are those of the network', async () =>
  expect(await byName('inside', 'tiny.shop.svc:3000')).toBe('200'));
