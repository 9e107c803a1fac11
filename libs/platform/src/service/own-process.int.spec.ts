import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startIssuer } from './tiny.fixture.ts';

const issuer = await startIssuer();
const main = fileURLToPath(new URL('tiny-main.fixture.ts', import.meta.url));
const loader = new URL('../../../../tools/ts.mjs', import.meta.url).href;
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));
afterAll(() => issuer.close());

/** A service in a process of its own, and what it said. */
function spawn(env: Record<string, string> = {}) {
  const child = fork(main, {
    execArgv: ['--import', loader],
    env: { ...issuer.env('hello'), LOG_LEVEL: 'info', ...env },
    silent: true,
  });
  children.push(child);
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = [child.stdout, child.stderr].map((stream) => stream && once(stream, 'end'));
  const exited = Promise.all([once(child, 'exit'), ...ended]).then(([[code]]) => code as number);
  const lines = () =>
    said.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const started = () => lines().find(({ msg }) => msg === 'started')?.url;
  const url = async () => {
    await expect.poll(started, { timeout: 15_000 }).toBeTypeOf('string');
    return String(started());
  };
  return { child, said, exited, lines, url };
}

describe('a service in a process of its own', { timeout: 30_000 }, () => {
  it('finishes what is under way on SIGTERM, then exits with 0; one line for each request', async () => {
    const { child, exited, lines, url } = spawn();
    const base = await url();
    const slow = fetch(`${base}/things/slow?ms=500`);
    await fetch(`${base}/health/live`);
    child.kill('SIGTERM');
    expect((await slow).status).toBe(200);
    expect((await slow).headers.get('connection')).toBe('close');
    expect(await exited).toBe(0);
    const request = {
      method: 'GET',
      route: '/things/slow',
      status: 200,
      ms: expect.any(Number),
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    };
    expect(lines().filter(({ msg }) => msg === 'request')).toMatchObject([
      { service: 'tiny', instance: '1', ...request },
    ]);
  });

  it('says in the line of a request why it could not be answered, without a stack; of a bug it tells all', async () => {
    const { lines, url } = spawn();
    const base = await url();
    for (const path of ['away', 'bug']) await fetch(`${base}/things/${path}`);
    await expect.poll(() => lines().length).toBeGreaterThanOrEqual(4);
    const told = lines().filter(({ msg }) => msg !== 'started');
    expect(told).toMatchObject([
      { level: 'warn', msg: 'request', status: 503, code: 'away', why: 'It does not answer. ← connect ECONNREFUSED' },
      { level: 'error', msg: 'request failed: a bug', err: { stack: expect.stringContaining('tiny.fixture') } },
      { level: 'info', msg: 'request', status: 500 },
    ]);
    expect(JSON.stringify(told[0])).not.toContain('.ts:');
  });

  it('leaves at once when the same signal comes again', async () => {
    const { child, exited, said, url } = spawn();
    const slow = fetch(`${await url()}/things/slow?ms=20000`).catch(() => 'cut off');
    await new Promise((arrived) => setTimeout(arrived, 200));
    child.kill('SIGINT');
    await expect.poll(() => fetch(said.stdout.match(/http:[^"]+/)?.[0] ?? '').catch(() => 'refused')).toBe('refused');
    child.kill('SIGINT');
    expect(await exited).toBe(1);
    expect(said.stderr).toBe('SIGINT again: leaving at once.\n');
    expect(await slow).toBe('cut off');
  });

  it('ends when whoever started it is gone, if asked to watch', async () => {
    const { child, exited, url } = spawn({ PARENT_WATCH: '1' });
    await url();
    child.disconnect();
    expect(await exited).toBe(0);
  });

  it.each([
    ['GREETING is missing', { GREETING: '' }, 'tiny cannot start: GREETING is missing.\n'],
    [
      'the port is taken',
      { PORT: new URL(issuer.env('').JWKS_URL).port },
      /^tiny cannot start: port \d+ on 127.0.0.1 is in use\.\n$/,
    ],
  ])('says in one sentence that %s, and exits with 1', async (_why, env, sentence) => {
    const { exited, said } = spawn(env);
    expect(await exited).toBe(1);
    expect(said.stderr).toMatch(sentence);
  });

  it('crashes on a promise nobody waits for', async () => {
    const { exited, said, url } = spawn();
    await fetch(`${await url()}/things/stray`);
    expect(await exited).toBe(1);
    expect(said.stderr).toContain('stray');
  });
});
