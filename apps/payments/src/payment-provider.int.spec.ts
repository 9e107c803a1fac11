import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakePaymentProvider } from './fake-payment-provider.ts';
import { HttpPaymentProvider } from './http-payment-provider.ts';
import type { PaymentProvider } from './payment-provider.ts';

const root = new URL('../../../', import.meta.url);
const key = 'key-of-this-spec';
const json = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
const price = { amount: 1999, currency: 'EUR' };

let simulator: ChildProcess;
let url: string;
let ledgerDir: string;
const opened: HttpPaymentProvider[] = [];

function openHttp(attemptMs: number, deadlineMs: number, onCircuit?: (state: string) => void): HttpPaymentProvider {
  const provider = new HttpPaymentProvider({ url, key, attemptMs, deadlineMs, onCircuit });
  opened.push(provider);
  return provider;
}

/** The simulated provider as its own process, as it runs beside the shop. */
async function startSimulator(port = 0): Promise<void> {
  const env = { ...process.env, PORT: String(port), LEDGER_DIR: ledgerDir, PROVIDER_KEY: key };
  simulator = fork(fileURLToPath(new URL('infra/simulators/provider.ts', root)), {
    execArgv: ['--import', new URL('tools/ts.mjs', root).href],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [message] = (await once(simulator, 'message')) as [{ listening: { url: string } }];
  url = message.listening.url;
}

async function post<T>(path: string, body: object, method = 'POST'): Promise<T> {
  const answer = await fetch(new URL(path, url), { method, headers: json, body: JSON.stringify(body) });
  return (await answer.json()) as T;
}
const knobs = (settings: object) => post('/knobs', settings, 'PUT');
const tokenOf = async (cardNumber: string) => (await post<{ token: string }>('/v1/tokens', { cardNumber })).token;

beforeAll(async () => {
  ledgerDir = await mkdtemp(join(tmpdir(), 'ledger-'));
  await startSimulator();
}, 20_000);

afterAll(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  simulator.kill('SIGKILL');
  await rm(ledgerDir, { recursive: true });
});

interface Adapter {
  readonly provider: PaymentProvider;
  readonly good: string;
  readonly bad: string;
  weather(kind: FakePaymentProvider['weather']): Promise<unknown>;
  entries(orderId: string): Promise<string[]>;
}

const adapters: [string, () => Promise<Adapter>][] = [
  [
    'fake',
    async () => {
      const provider = new FakePaymentProvider();
      provider.declines.add('tok_declined');
      const entries = (orderId: string) =>
        provider.rows.filter((row) => row.orderId === orderId).map((row) => row.entry);
      return {
        provider,
        good: 'tok_good',
        bad: 'tok_declined',
        weather: async (kind) => (provider.weather = kind),
        entries: async (id) => entries(id),
      };
    },
  ],
  [
    'http',
    async () => ({
      provider: openHttp(400, 2_500),
      good: await tokenOf('4242424242424242'),
      bad: await tokenOf('4000000000000002'),
      weather: (kind) => knobs({ errorRate: kind === 'away' ? 1 : 0, lostAnswerRate: kind === 'answers-lost' ? 1 : 0 }),
      entries: async (reference) => {
        const answer = await fetch(new URL(`/v1/ledger?reference=${reference}`, url), { headers: json });
        return ((await answer.json()) as { rows: { entry: string }[] }).rows.map((row) => row.entry);
      },
    }),
  ],
];

describe.each(adapters)('every payment provider (%s)', (_name, open) => {
  let adapter: Adapter;
  let orderId: string;
  const authorise = () => adapter.provider.authorise(orderId, { ...price, paymentToken: adapter.good });
  const held = async () => {
    const answer = await authorise();
    if (answer.status !== 'authorised') throw new Error(`not held: ${answer.reason}`);
    return answer.paymentId;
  };

  beforeEach(async () => {
    adapter = await open();
    orderId = randomUUIDv7();
    await adapter.weather('fine');
  });

  it('holds the money once, however often it is asked', async () => {
    const first = await authorise();
    expect(await authorise()).toEqual(first);
    expect(await adapter.entries(orderId)).toEqual(['authorisation']);
  });

  it('declines a card that is no good, each time', async () => {
    const decline = () => adapter.provider.authorise(orderId, { ...price, paymentToken: adapter.bad });
    expect(await decline()).toEqual({ status: 'declined', reason: 'card-declined' });
    expect(await decline()).toEqual({ status: 'declined', reason: 'card-declined' });
    expect(await adapter.entries(orderId)).toEqual(['decline']);
  });

  it('takes the money once', async () => {
    const paymentId = await held();
    await adapter.provider.capture(orderId, paymentId);
    await adapter.provider.capture(orderId, paymentId);
    expect(await adapter.entries(orderId)).toEqual(['authorisation', 'capture']);
  });

  it('shows its ledger page by page, oldest first, and nothing behind its last row', async () => {
    const paymentId = await held();
    await adapter.provider.capture(orderId, paymentId);
    const read: { orderId: string; status: string }[] = [];
    let last: number | undefined = 0;
    for (
      let page = await adapter.provider.ledger(0);
      page.last !== undefined;
      page = await adapter.provider.ledger(page.last)
    ) {
      expect(page.last).toBeGreaterThan(last ?? 0);
      read.push(...page.entries);
      last = page.last;
    }
    expect(read.filter((row) => row.orderId === orderId)).toEqual([
      { orderId, status: 'authorised' },
      { orderId, status: 'captured' },
    ]);
    expect(await adapter.provider.ledger(last ?? 0)).toEqual({ entries: [] });
  });

  it('lets go of the money once, and then refuses to take it', async () => {
    const paymentId = await held();
    await adapter.provider.void(orderId, paymentId);
    await adapter.provider.void(orderId, paymentId);
    await expect(adapter.provider.capture(orderId, paymentId)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'provider-refused',
    });
    expect(await adapter.entries(orderId)).toEqual(['authorisation', 'void']);
  });

  it('says so when it is away, and has done nothing then', async () => {
    await adapter.weather('away');
    await expect(authorise()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await adapter.entries(orderId)).toEqual([]);
  });

  it('says by its ledger what has become of an order', async () => {
    const standing = () => adapter.provider.standing(orderId);
    expect(await standing()).toEqual({ status: 'none' });
    const paymentId = await held();
    expect(await standing()).toEqual({ status: 'authorised', paymentId, ...price });
    await adapter.provider.capture(orderId, paymentId);
    expect(await standing()).toEqual({ status: 'captured', paymentId, ...price });
    orderId = randomUUIDv7();
    await adapter.provider.void(orderId, await held());
    expect(await standing()).toMatchObject({ status: 'voided', ...price });
    orderId = randomUUIDv7();
    await adapter.provider.authorise(orderId, { ...price, paymentToken: adapter.bad });
    expect(await standing()).toEqual({ status: 'declined', reason: 'card-declined' });
  });

  it('shows in its ledger what it did and did not answer', async () => {
    await adapter.weather('answers-lost');
    await expect(authorise()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await adapter.provider.standing(orderId)).toMatchObject({ status: 'authorised', ...price });
  });

  it('answers again when its answer was lost, and has still held the money once', async () => {
    await adapter.weather('answers-lost');
    await expect(authorise()).rejects.toMatchObject({ kind: 'unavailable' });
    await adapter.weather('fine');
    expect(await authorise()).toMatchObject({ status: 'authorised' });
    expect(await adapter.entries(orderId)).toEqual(['authorisation']);
  });
});

describe('the HTTP provider', () => {
  const open = () => openHttp(300, 2_000);

  it('declines a token that nobody made instead of failing for ever', async () => {
    await knobs({});
    const answer = await open().authorise(randomUUIDv7(), { ...price, paymentToken: 'tok_made-up' });
    expect(answer).toEqual({ status: 'declined', reason: 'unknown-token' });
  });

  it('gets through when one call in three fails', async () => {
    await knobs({ errorRate: 0.33, seed: 7 });
    const [provider, token] = [open(), await tokenOf('4242424242424242')];
    const answer = await provider.authorise(randomUUIDv7(), { ...price, paymentToken: token });
    expect(answer.status).toBe('authorised');
  });

  it('leaves a provider that never answers alone, and comes back to it', async () => {
    await knobs({ timeoutRate: 1 });
    const circuit: string[] = [];
    const provider = openHttp(100, 600, (state) => circuit.push(state));
    const paymentToken = await tokenOf('4242424242424242');
    const call = () => provider.authorise(randomUUIDv7(), { ...price, paymentToken });
    while (!circuit.includes('open')) await expect(call()).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(call()).rejects.toThrow('left alone');
    await knobs({});
    await expect.poll(call, { timeout: 10_000 }).toMatchObject({ status: 'authorised' });
    expect(circuit.at(-1)).toBe('closed');
  });

  it('says so when the ledger cannot be read, and is not kept from it by moves that fail', async () => {
    await knobs({ timeoutRate: 1, endpoints: { ledger: { errorRate: 1 } } });
    const provider = openHttp(100, 600);
    await expect(provider.standing(randomUUIDv7())).rejects.toMatchObject({ kind: 'unavailable' });
    await knobs({ timeoutRate: 1 });
    const paymentToken = await tokenOf('4242424242424242');
    const left = () =>
      provider.authorise(randomUUIDv7(), { ...price, paymentToken }).catch((error: Error) => error.message);
    await expect.poll(left, { timeout: 10_000 }).toContain('left alone');
    expect(await provider.standing(randomUUIDv7())).toEqual({ status: 'none' });
    await knobs({});
  });

  it('gets the same answer from a provider that was killed and came back', async () => {
    await knobs({});
    const [orderId, paymentToken] = [randomUUIDv7(), await tokenOf('4242424242424242')];
    const first = await open().authorise(orderId, { ...price, paymentToken });
    simulator.kill('SIGKILL');
    await once(simulator, 'exit');
    await expect(open().authorise(orderId, { ...price, paymentToken })).rejects.toMatchObject({ kind: 'unavailable' });
    await startSimulator(Number(new URL(url).port));
    expect(await open().authorise(orderId, { ...price, paymentToken })).toEqual(first);
  }, 20_000);
});
