import { auth } from '@shop/auth';
import { runService } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adminTotpOf } from './secrets.ts';
import { loginCommand, refresh, register, signIn } from './login.ts';
import { freePorts } from './ports.ts';

const [port] = await freePorts([0]);
const issuer = `http://127.0.0.1:${port}/oidc`;
const totp = adminTotpOf(() => 'a-secret-of-this-spec-that-is-32-bytes-long');
const demo = { email: 'demo@example.com', password: 'demo-password-1' };
const service = await runService(auth, {
  PORT: String(port),
  LOG_LEVEL: 'silent',
  SHED_LOOP_DELAY_MS: '0',
  ISSUER: issuer,
  JWKS_URL: `${issuer}/jwks`,
  DATABASE_URL: (await freshDatabase('auth')).url,
  COOKIE_KEYS: 'a-key-for-cookies',
  FACTOR_KEYS: 'a-key-for-factors',
  NOTIFICATIONS_CLIENT_SECRET: 'secret-of-notifications',
  SEED_DEMO: '1',
  DEMO_ADMIN_TOTP_SECRET: totp,
});
afterAll(() => service.close());

/** What a command writes to stdout and stderr while it runs. */
async function writtenBy(command: () => Promise<number>): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((written.out += String(text)))),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((written.err += String(text)))),
  ];
  try {
    return { code: await command(), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('the sign-in driver', () => {
  it('signs in as a person would, and stays signed in by refreshing', async () => {
    const first = await signIn({ issuer, ...demo });
    expect(first).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      idToken: expect.any(String),
      expiresIn: 300,
      subject: expect.any(String),
    });
    const second = await refresh(issuer, first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    await expect(refresh(issuer, first.refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('registers a customer, who can sign in from then on', async () => {
    const ann = { email: 'ann@example.com', password: 'a-long-password' };
    const { subject } = await register({ issuer, name: 'Ann', ...ann });
    expect((await signIn({ issuer, ...ann })).subject).toBe(subject);
  });

  it('repeats what the page says', async () => {
    await expect(signIn({ issuer, ...demo, password: 'wrong' })).rejects.toThrow(
      'This email address and password do not belong together.',
    );
    await expect(register({ issuer, name: 'Demo', ...demo })).rejects.toThrow(
      'There is an account with this email address already.',
    );
    await expect(register({ issuer, name: '', email: 'x', password: 'y' })).rejects.toThrow(
      /what to call you.*not an email address.*12 to 128/,
    );
  });
});

describe('npm run login', () => {
  it('prints the token alone on stdout, and everything else on stderr', async () => {
    const { code, out, err } = await writtenBy(() => loginCommand(['--issuer', issuer]));
    expect(code).toBe(0);
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(err).toMatch(/^Signed in as .*300 s\.\n$/);
  });

  it('signs in as whom it is told, and lets them do what their role may and no more', async () => {
    const scopes = 'orders:read orders:write products:write accounts:write';
    const tokens: string[] = [];
    for (const who of ['customer', 'support', 'admin'])
      tokens.push((await writtenBy(() => loginCommand(['--issuer', issuer, '--as', who, '--totp', totp]))).out);
    const said = tokens.map(
      (token) =>
        JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
          roles: string[];
          scope: string;
        },
    );
    expect(said.map(({ roles }) => roles)).toEqual([['customer'], ['customer', 'support'], ['customer', 'admin']]);
    expect(said.map(({ scope }) => scope === scopes)).toEqual([false, false, true]);
    await expect(loginCommand(['--issuer', issuer, '--as', 'root'])).rejects.toThrow(
      'There is no demo account "root": customer, support, admin.',
    );
  });

  it('takes the next code where one was used already, and says what is missing where no key is known', async () => {
    await writtenBy(() => loginCommand(['--issuer', issuer, '--as', 'admin', '--totp', totp]));
    await expect(loginCommand(['--issuer', issuer, '--as', 'admin'])).rejects.toThrow('--totp');
    await expect(
      loginCommand(['--issuer', issuer, '--as', 'admin', '--password', 'wrong', '--totp', totp]),
    ).rejects.toThrow('do not belong together');
  });

  it('explains itself', async () => {
    expect(await writtenBy(() => loginCommand(['--help']))).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('--password'),
    });
  });
});
