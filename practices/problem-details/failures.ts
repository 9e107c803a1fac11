/** Something that goes wrong, and what a program has to learn to do the right thing about it. */
export interface Failure {
  /** What it is; two that call for the same action have the same meaning. */
  readonly means: string;
  /** The request, to the byte: no client's library in between to mend it. */
  readonly bytes: string;
  /** Whatever a client needs beside knowing what it was. */
  readonly needs?: {
    /** The place in the input that is wrong, as a JSON Pointer. */
    readonly field?: string;
    /** When to come again. */
    readonly wait?: true;
    /** What is allowed instead. */
    readonly allow?: true;
    /** Something by which support finds it. */
    readonly trace?: true;
  };
}

/** Tokens of a customer who may write prices, of an admin who may not, and one that is none. */
export interface Tokens {
  readonly customer: string;
  readonly admin: string;
  readonly forged: string;
}

const request = (start: string, headers: readonly string[] = [], body = '') =>
  [
    `${start} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...headers,
    ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : []),
    '',
    body,
  ].join('\r\n');
const json = (start: string, body: string, headers: readonly string[] = []) =>
  request(start, ['Content-Type: application/json', ...headers], body);
const order = (productId: string, quantity: unknown = 1) =>
  json('POST /orders', JSON.stringify({ lines: [{ productId, quantity }] }));
const bearing = (token: string) => request('DELETE /prices', [`Authorization: Bearer ${token}`]);

/**
 * Of every layer that can say no: Node's parser, the router, Fastify's, Nest's, the guards, the rules, what is behind,
 * and bugs.
 */
export const failures = ({ customer, admin, forged }: Tokens): readonly Failure[] => [
  { means: 'not HTTP', bytes: 'EHLO shop\r\n\r\n' },
  { means: 'no host', bytes: 'GET /orders HTTP/1.1\r\nConnection: close\r\n\r\n' },
  { means: 'headers too large', bytes: request('GET /orders', [`Cookie: ${'a'.repeat(20_000)}`]) },
  { means: 'expectation', bytes: request('GET /orders', ['Expect: miracles']) },
  { means: 'broken address', bytes: request('GET /orders/%zz') },
  { means: 'address too long', bytes: request(`GET /orders/${'a'.repeat(500)}`) },
  { means: 'wrong address', bytes: request('GET /nothing') },
  { means: 'wrong method', bytes: request('DELETE /orders'), needs: { allow: true } },
  { means: 'body too large', bytes: json('POST /orders', 'x'.repeat(70_000)) },
  { means: 'wrong language', bytes: request('POST /orders', ['Content-Type: application/xml'], '<order/>') },
  { means: 'broken JSON', bytes: json('POST /orders', '{"lines":') },
  { means: 'wrong input', bytes: order('mug', 0), needs: { field: '/lines/0/quantity' } },
  {
    means: 'wrong input',
    bytes: json('POST /orders', '{"lines":[{"productId":"mug","quantity":1}],"discount":100}'),
    needs: { field: '/discount' },
  },
  { means: 'wrong input', bytes: request('GET /orders?limit=1000'), needs: { field: '/limit' } },
  { means: 'no token', bytes: request('DELETE /prices') },
  { means: 'bad token', bytes: bearing(forged) },
  { means: 'no scope', bytes: bearing(admin) },
  { means: 'no role', bytes: bearing(customer) },
  { means: 'too many', bytes: request('GET /orders/busy'), needs: { wait: true } },
  { means: 'no such order', bytes: request('GET /orders/7') },
  { means: 'too late to cancel', bytes: request('POST /orders/7/cancellation') },
  { means: 'still at work', bytes: order('at work'), needs: { wait: true } },
  { means: 'version unsaid', bytes: json('PUT /orders/7', '{}') },
  { means: 'version changed', bytes: json('PUT /orders/7', '{}', ['If-Match: "3"']) },
  { means: 'not for sale', bytes: order('unknown') },
  { means: 'two currencies', bytes: order('in dollars') },
  { means: 'stock away', bytes: request('GET /orders/stock/away'), needs: { wait: true } },
  { means: 'stock too slow', bytes: request('GET /orders/stock/hung'), needs: { wait: true } },
  { means: 'our bug', bytes: request('GET /orders/bug'), needs: { trace: true } },
];
