import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProvider } from './provider.ts';

const PROVIDER_KEY = 'key-of-this-spec';
let LEDGER_DIR: string;
let provider: Awaited<ReturnType<typeof startProvider>>;
const start = async () => {
  provider = await startProvider({ PORT: 0, HOST: '127.0.0.1', LEDGER_DIR, PROVIDER_KEY });
};

beforeEach(async () => {
  LEDGER_DIR = await mkdtemp(join(tmpdir(), 'ledger-'));
  await start();
});
afterEach(async () => {
  await provider.close();
  await rm(LEDGER_DIR, { recursive: true });
});

interface Answer {
  code: number;
  body: { id: string; token: string; status: string; error: { code: string }; rows: { entry: string }[] };
}

/** Nobody waits for ever, and a busy machine is given its time. */
const PATIENCE_MS = 20_000;

interface Call {
  body?: object;
  key?: string;
  bearer?: string;
  patienceMs?: number;
}

async function call(
  method: string,
  path: string,
  { body, key, bearer = PROVIDER_KEY, patienceMs = PATIENCE_MS }: Call = {},
): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${bearer}`,
    ...(body && { 'content-type': 'application/json' }),
    ...(key !== undefined && { 'idempotency-key': key }),
  };
  const answer = await fetch(provider.url + path, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(patienceMs),
  });
  return { code: answer.status, body: (await answer.json()) as Answer['body'] };
}
const tokenOf = async (cardNumber: string) => (await call('POST', '/v1/tokens', { body: { cardNumber } })).body.token;
const request = (token: string) => ({ amount: 100, currency: 'EUR', token, reference: 'order-1' });
const authorise = async (key: string, token?: string, patienceMs?: number) =>
  call('POST', '/v1/authorisations', {
    body: request(token ?? (await tokenOf('4242424242424242'))),
    key,
    ...(patienceMs !== undefined && { patienceMs }),
  });
const settle = (id: string, what: 'capture' | 'void', key: string) =>
  call('POST', `/v1/authorisations/${id}/${what}`, { key });
const entries = async () => (await call('GET', '/v1/ledger?reference=order-1')).body.rows.map((row) => row.entry);

describe('the simulated payment provider', () => {
  it('writes one row for each movement of money', async () => {
    const { body } = await authorise('authorise-1');
    await settle(body.id, 'capture', 'capture-1');
    expect(await entries()).toEqual(['authorisation', 'capture']);
  });

  it('answers a repeated key as before, also after a restart that cut off its last line', async () => {
    const token = await tokenOf('4242424242424242');
    const first = await authorise('authorise-1', token);
    await provider.close();
    await appendFile(join(LEDGER_DIR, 'ledger.jsonl'), '{"number":2,"at":');
    await start();
    expect(await authorise('authorise-1', token)).toEqual(first);
    await settle(first.body.id, 'void', 'settle-1');
    expect(await entries()).toEqual(['authorisation', 'void']);
  });

  it('refuses a key that comes with another request', async () => {
    await authorise('authorise-1', await tokenOf('4242424242424242'));
    expect((await authorise('authorise-1', await tokenOf('4000000000000002'))).body.error.code).toBe('key-reused');
  });

  it('takes no money twice, and none that was let go', async () => {
    const { body } = await authorise('authorise-1');
    await settle(body.id, 'capture', 'capture-1');
    expect((await settle(body.id, 'capture', 'capture-2')).body.error.code).toBe('already-captured');
    expect((await settle(body.id, 'void', 'letting-go-1')).body.error.code).toBe('already-captured');
  });

  it('declines by card number', async () => {
    const { code, body } = await authorise('authorise-1', await tokenOf('4000000000000002'));
    expect({ code, status: body.status }).toEqual({ code: 402, status: 'declined' });
  });

  it('wants the merchant key, an idempotency key and a card number that can be one', async () => {
    expect((await call('GET', '/v1/ledger', { bearer: 'guessed' })).code).toBe(401);
    expect((await call('POST', '/v1/authorisations', { body: request('tok_x') })).code).toBe(400);
    expect((await call('POST', '/v1/tokens', { body: { cardNumber: '4242424242424241' } })).code).toBe(400);
  });

  it('misbehaves as it is told, for one endpoint or for all', async () => {
    const token = await tokenOf('4242424242424242');
    await call('PUT', '/knobs', {
      body: { errorRate: 1, endpoints: { authorise: { errorRate: 0, lostAnswerRate: 1 } } },
    });
    await expect(authorise('authorise-1', token, 500)).rejects.toThrow(/timeout/i);
    expect((await settle('auth_1', 'capture', 'capture-1')).code).toBe(500);
    await call('PUT', '/knobs', { body: {} });
    expect((await authorise('authorise-1', token)).code).toBe(201);
    expect(await entries()).toEqual(['authorisation']);
  });

  it('keeps its ledger readable unless told otherwise by name', async () => {
    await call('PUT', '/knobs', { body: { errorRate: 1 } });
    expect((await call('GET', '/v1/ledger')).code).toBe(200);
    await call('PUT', '/knobs', { body: { endpoints: { ledger: { errorRate: 1 } } } });
    expect((await call('GET', '/v1/ledger')).code).toBe(500);
  });

  it('rolls the same dice for the same seed', async () => {
    const token = await tokenOf('4242424242424242');
    const codes = async (round: number) => {
      await call('PUT', '/knobs', { body: { errorRate: 0.5, seed: 42 } });
      const answers: number[] = [];
      for (let n = 0; n < 12; n++) answers.push((await authorise(`authorise-${round}-${n}`, token)).code);
      return answers;
    };
    const first = await codes(1);
    expect(await codes(2)).toEqual(first);
    expect(new Set(first)).toEqual(new Set([201, 500]));
  });

  it('shows its ledger on a page', async () => {
    await authorise('authorise-1');
    expect(await (await fetch(provider.url)).text()).toContain('order-1');
  });
});
