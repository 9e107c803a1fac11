import { connect } from 'node:net';
import { problem as problemSchema } from '@shop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from '../service/run-service.ts';
import { edge, startIssuer, tiny } from '../service/tiny.fixture.ts';
import { isAccepted } from './accept.guard.ts';

const issuer = await startIssuer();
let services: { inside: RunningService; open: RunningService };
beforeAll(async () => {
  const [inside, open] = await Promise.all([runService(tiny, issuer.env('hello')), runService(edge, issuer.env('hi'))]);
  services = { inside, open };
});
afterAll(async () => {
  await Promise.all(Object.values(services).map((service) => service.close()));
  issuer.close();
});

/** What comes back for these very bytes: no client's library in between to mend them. */
async function sent({ url }: RunningService, request: string | Buffer) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(request));
  const text = (await socket.setEncoding('utf8').toArray()).join('');
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [line = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((each) => [each.slice(0, each.indexOf(':')), each.slice(each.indexOf(':') + 1).trim()]),
  );
  return { status: Number(line.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}

const request = (start: string, headers: string[] = [], body = '') =>
  [
    `${start} HTTP/1.1`,
    'Host: shop.test',
    'Connection: close',
    ...headers,
    ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : []),
    '',
    body,
  ].join('\r\n');
const json = (body: string, more: string[] = []) =>
  request('POST /things', ['Content-Type: application/json', ...more], body);

/** A JSON whose name is in Latin-1, where é is one byte. */
const latin = (type: string) =>
  Buffer.from(
    request('POST /things', [`Content-Type: ${type}`, 'Content-Length: 12'], '').replace(
      /\r\n\r\n$/,
      '\r\n\r\n{"name":"é"}',
    ),
    'latin1',
  );

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly headers?: Record<string, string>;
}

const refusals: [what: string, bytes: string | Buffer, Refusal][] = [
  ['an unknown path', request('GET /nothing'), { status: 404, code: 'unknown-path' }],
  ['an unknown path by OPTIONS', request('OPTIONS /nothing'), { status: 404, code: 'unknown-path' }],
  [
    'a method that the path lacks',
    request('DELETE /things'),
    { status: 405, code: 'method-not-allowed', headers: { allow: 'GET, HEAD, POST' } },
  ],
  [
    'TRACE',
    request('TRACE /things'),
    { status: 405, code: 'method-not-allowed', headers: { allow: 'GET, HEAD, POST' } },
  ],
  [
    'a method that HTTP has and we do not',
    request('PROPFIND /things'),
    { status: 405, code: 'method-not-allowed', headers: { allow: 'GET, HEAD, POST' } },
  ],
  ['a method that there is not', request('MAKE /things'), { status: 400, code: 'malformed-request' }],
  [
    'a language we do not speak',
    request('GET /things', ['Accept: text/html, application/json;q=0']),
    { status: 406, code: 'not-acceptable' },
  ],
  ['too much', json('x'.repeat(70_000)), { status: 413, code: 'body-too-large' }],
  ['a parameter without end', request(`GET /things/${'a'.repeat(500)}`), { status: 414, code: 'url-too-long' }],
  ['a URL without end', request(`GET /things?limit=${'1'.repeat(9_000)}`), { status: 414, code: 'url-too-long' }],
  [
    'headers without end',
    request('GET /things', [`Cookie: ${'a'.repeat(20_000)}`]),
    { status: 431, code: 'headers-too-large' },
  ],
  ['a URL that cannot be decoded', request('GET /things/%zz'), { status: 400, code: 'malformed-url' }],
  [
    'a form',
    request('POST /things', ['Content-Type: application/x-www-form-urlencoded'], 'a=1'),
    { status: 415, code: 'unsupported-media-type' },
  ],
  [
    'a body that does not say what it is',
    request('POST /things', [], '{}'),
    { status: 415, code: 'unsupported-media-type' },
  ],
  [
    'a merge patch by POST',
    request('POST /things', ['Content-Type: application/merge-patch+json'], '{}'),
    { status: 415, code: 'unsupported-media-type' },
  ],
  ['half of a JSON', json('{"lines":'), { status: 400, code: 'malformed-json' }],
  [
    'no JSON where some was announced',
    request('POST /things', ['Content-Type: application/json', 'Content-Length: 0']),
    { status: 400, code: 'malformed-json' },
  ],
  [
    'JSON that says it is Latin-1',
    latin('application/json; charset=iso-8859-1'),
    { status: 415, code: 'unsupported-media-type' },
  ],
  [
    'JSON that says it is UTF-16',
    json('{}').replace('/json', '/json;charset="utf-16"'),
    { status: 415, code: 'unsupported-media-type' },
  ],
  [
    'JSON that is Latin-1 and says UTF-8',
    latin('application/json; charset=utf-8'),
    { status: 400, code: 'malformed-json' },
  ],
  ['JSON that is Latin-1 and says nothing', latin('application/json'), { status: 400, code: 'malformed-json' }],
  ['half of a character, escaped', json('{"name":"\\ud83d"}'), { status: 400, code: 'malformed-json' }],
  ['half of a character, escaped, in a name', json('{"\\uDE00":[1]}'), { status: 400, code: 'malformed-json' }],
  [
    'a body that is compressed',
    json('{}', ['Content-Encoding: gzip']),
    { status: 415, code: 'unsupported-media-type', headers: { 'accept-encoding': 'identity' } },
  ],
  ['a query in Latin-1', request('GET /things?limit=%E9'), { status: 400, code: 'malformed-url' }],
  ['a prototype in JSON', json('{"__proto__":{"admin":true}}'), { status: 400, code: 'malformed-json' }],
  ['JSON of another shape', json('[]', ['Idempotency-Key: key-00000001']), { status: 400, code: 'validation-failed' }],
  [
    'an expectation we cannot meet',
    request('GET /things', ['Expect: miracles']),
    { status: 417, code: 'expectation-failed' },
  ],
  ['nobody to ask', 'GET /things HTTP/1.1\r\nConnection: close\r\n\r\n', { status: 400, code: 'host-missing' }],
  ['two hosts', request('GET /things', ['Host: other']), { status: 400, code: 'header-repeated' }],
  ['two hosts that are one', request('GET /nothing', ['host: shop.test']), { status: 400, code: 'header-repeated' }],
  [
    'two tokens',
    request('GET /things', ['Authorization: Bearer a', 'Authorization: Bearer b']),
    { status: 400, code: 'header-repeated' },
  ],
  [
    'two media types',
    json('{}', ['Content-Type: application/merge-patch+json']),
    { status: 400, code: 'header-repeated' },
  ],
  [
    'two keys of one attempt',
    json('{}', ['Idempotency-Key: key-00000001', 'Idempotency-Key: key-00000002']),
    { status: 400, code: 'header-repeated' },
  ],
  [
    'a body whose media type is empty',
    request('POST /things', ['Content-Type:'], '{}'),
    { status: 415, code: 'unsupported-media-type' },
  ],
  [
    'two lengths',
    request('POST /things', ['Content-Type: application/json', 'Content-Length: 3', 'Transfer-Encoding: chunked']),
    { status: 400, code: 'malformed-request' },
  ],
  [
    'a list of tags that is longer than anybody has tags',
    request('GET /things', [`If-None-Match: "${'0'.repeat(2_047)}"`]),
    { status: 400, code: 'validation-failed' },
  ],
  ['a header that is none', request('GET /things', ['no header']), { status: 400, code: 'malformed-request' }],
  ['another protocol', 'EHLO shop\r\n\r\n', { status: 400, code: 'malformed-request' }],
];

describe.each(['inside', 'open'] as const)('the service that is %s', (which) => {
  it.each(refusals)('refuses %s, in the one shape', async (_what, bytes, refusal) => {
    const { status, headers, body } = await sent(services[which], bytes);
    const problem = problemSchema.parse(JSON.parse(body));
    expect({ status, code: problem.code, type: problem.type }).toEqual({
      status: refusal.status,
      code: refusal.code,
      type: `urn:shop:problem:${refusal.code}`,
    });
    expect(problem.status).toBe(status);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    for (const [name, value] of Object.entries(refusal.headers ?? {})) expect(headers.get(name)).toBe(value);
  });

  it.each([
    ['application/json', '{"lines":[{"quantity":1}],"name":"\\ud83d\\ude00 \\\\ud83d é"}'],
    ['application/json; Charset="UTF-8"', '{"lines":[{"quantity":1}]}'],
    ['application/json;charset=utf8', '{"lines":[{"quantity":1}]}'],
  ])('takes %s', async (type, body) => {
    const { status, body: said } = await sent(
      services[which],
      request('POST /things', [`Content-Type: ${type}`, 'Idempotency-Key: key-00000001'], body),
    );
    // Its schema knows no name.
    expect([
      status,
      (JSON.parse(said) as { errors?: { pointer: string }[] }).errors?.map(({ pointer }) => pointer),
    ]).toEqual(body.includes('name') ? [400, ['/name']] : [201, undefined]);
  });

  it.each([
    ['Accept:'],
    ['Accept:', 'Accept: application/json'],
    ['Expect:'],
    ['Origin:', 'If-None-Match:', 'Traceparent:', 'Content-Type:', 'Content-Encoding:', 'X-Request-Budget-Ms:'],
  ])('reads nothing into what is empty: %s', async (...headers) => {
    expect(
      (
        await sent(
          services[which],
          request(
            'GET /things',
            headers.filter((header) => header.endsWith(':') || header.includes('/')),
          ),
        )
      ).status,
    ).toBe(200);
  });

  it('says what a path takes to OPTIONS', async () => {
    const { status, headers, body } = await sent(services[which], request('OPTIONS /things'));
    expect([status, headers.get('allow'), body]).toEqual([204, 'GET, HEAD, OPTIONS, POST', '']);
  });

  it('answers HEAD as GET, without its body; also what it refuses', async () => {
    const [get, head] = await Promise.all([
      sent(services[which], request('GET /things/rule')),
      sent(services[which], request('HEAD /things/rule')),
    ]);
    expect([head.status, head.headers.get('content-type'), head.body]).toEqual([
      get.status,
      get.headers.get('content-type'),
      '',
    ]);
    expect(await sent(services[which], request('HEAD /things'))).toMatchObject({ status: 200, body: '' });
  });
});

describe('what a caller takes', () => {
  it.each([
    ['application/json', true],
    ['*/*', true],
    ['application/*;q=0.1, text/html', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['Application/JSON', true],
    ['application/json;q=0, */*', false],
    ['text/*', false],
    ['', true],
    [' , ', true],
    ['application/*;q=0, */*', false],
    ['*/*;q=0', false],
    ['application/json;q=0.000', false],
    ['application/json; Q=0.001', true],
    ['text/html, *; q=.2', true],
  ])('by "%s" is JSON: %s', (accept, yes) => expect(isAccepted('application/json', accept)).toBe(yes));
});
