import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromDebian, hasDebian } from '@shop/infra/debian';
import * as oauth from 'openid-client';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { Outcome } from '@shop/infra/test-report';
import type { Command } from './command.ts';
import type { Shop } from './shop.ts';

const callback = 'http://127.0.0.1:47113/callback';
const tracked = 'http://127.0.0.1:47113/tracked';
const signedOut = 'http://127.0.0.1:47113/signed-out';
const customer = {
  name: 'Bea Browser',
  email: 'bea@example.com',
  password: 'correct horse battery',
  next: 'another horse battery',
};

/** What a person does on our pages, in a real browser: by the labels and buttons that a screen reader would say. */
export const pages: Command = {
  what: 'registration, sign-in, consent, sign-out and a new password in a real Chromium, by label and button',
  obstacle: () =>
    process.env['CHROMIUM_PATH'] || hasDebian()
      ? undefined
      : 'there is no Chromium: set CHROMIUM_PATH to one, or run it on Debian, from which it is fetched.',
  async run(shop, { say }) {
    const browser = await launch(shop);
    try {
      say(`Chromium ${browser.version()}`);
      const visit = new Visit(shop, await browser.newPage());
      await visit.prepare();
      const outcomes: Outcome[] = [];
      for (const [test, act] of Object.entries(steps)) outcomes.push({ test, faults: await visit.faultsOf(act) });
      return outcomes;
    } finally {
      await browser.close();
    }
  },
};

async function launch(shop: Shop): Promise<Browser> {
  const given = process.env['CHROMIUM_PATH'];
  const { folder, env } = given ? { folder: '', env: process.env } : await fromDebian(shop.state, 'chromium');
  const executablePath = given ?? join(folder, 'usr/lib/chromium/chromium');
  if (!existsSync(executablePath)) throw new Error(`there is no Chromium at ${executablePath}`);
  return chromium.launch({
    executablePath,
    env: env as Record<string, string>,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

const steps: Record<string, (visit: Visit) => Promise<unknown>> = {
  'a stranger registers, and comes back to the application with a code': async (visit) => {
    await visit.start('shop-cli', callback);
    await visit.page.getByRole('link', { name: 'Create an account' }).click();
    await visit.fill({
      Name: customer.name,
      'Email address': 'no address',
      'Password, of 12 characters or more': 'short',
    });
    // The browser's own check of an address comes first; ours is seen where it is off.
    await visit.page.evaluate('document.forms[0].noValidate = true');
    await visit.press('Create an account');
    await visit.sees('This is not an email address.');
    await visit.fill({
      Name: customer.name,
      'Email address': customer.email,
      'Password, of 12 characters or more': customer.password,
    });
    await visit.press('Create an account');
    await visit.arrives(callback, 'code');
  },
  'a wrong password is said in an alert, the right one signs in': async (visit) => {
    await visit.start('shop-cli', callback);
    await visit.fill({ 'Email address': customer.email, Password: 'wrong' });
    await visit.press('Sign in');
    await visit.page.getByRole('alert').filter({ hasText: 'do not belong together' }).waitFor();
    await visit.fill({ Password: customer.password });
    await visit.press('Sign in');
    await visit.arrives(callback, 'code');
  },
  'a program of somebody else has to ask, and is refused or allowed': async (visit) => {
    for (const [button, outcome] of [
      ['Do not allow', 'error'],
      ['Allow', 'code'],
    ] as const) {
      await visit.start('parcel-tracker', tracked);
      await visit.fill({ 'Email address': customer.email, Password: customer.password });
      await visit.press('Sign in');
      await visit.sees('See your orders and what became of them');
      await visit.press(button);
      await visit.arrives(tracked, outcome);
    }
  },
  'a password is changed by whoever knows it': async (visit) => {
    await visit.page.goto(`${visit.shop.issuer}/password`);
    await visit.fill({
      'Email address': customer.email,
      'Your password now': customer.password,
      'Your new password, of 12 characters or more': customer.next,
    });
    await visit.press('Change your password');
    await visit.sees('Your password is changed');
  },
  'signing out is asked, and ends on our own page': async (visit) => {
    await visit.start('shop-cli', callback);
    await visit.fill({ 'Email address': customer.email, Password: customer.next });
    await visit.press('Sign in');
    await visit.arrives(callback, 'code');
    await visit.page.goto(`${visit.shop.issuer}/session/end`);
    await visit.press('Sign out');
    await visit.sees('You are signed out');
  },
};

/** A person in front of a browser; whatever the browser complains about is a fault, too. */
class Visit {
  private readonly complaints: string[] = [];

  constructor(
    readonly shop: Shop,
    readonly page: Page,
  ) {}

  async prepare(): Promise<void> {
    this.page.setDefaultTimeout(20_000);
    // Refusals that the pages are there to show are no complaints of the browser's about the pages.
    this.page.on(
      'console',
      (message) =>
        message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && this.complaints.push(message.text()),
    );
    this.page.on('pageerror', (error) => this.complaints.push(error.message));
    // Nobody listens at an application's own address: what arrives there is all we want.
    for (const address of [callback, tracked, signedOut])
      await this.page.route(`${address}**`, (route) =>
        route.fulfill({ status: 200, contentType: 'text/plain', body: 'arrived' }),
      );
  }

  async faultsOf(act: (visit: Visit) => Promise<unknown>): Promise<string[]> {
    const failure = await act(this).then(
      () => [],
      (error: Error) => [`${error.message.split('\n')[0]} (at ${this.page.url()})`],
    );
    return [...failure, ...this.complaints.splice(0)];
  }

  /** Where a program sends a browser. */
  async start(client: string, redirectUri: string): Promise<void> {
    const config = await oauth.discovery(new URL(this.shop.issuer), client, undefined, oauth.None(), {
      execute: [oauth.allowInsecureRequests],
    });
    const pkce = {
      code_challenge: await oauth.calculatePKCECodeChallenge(oauth.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    };
    await this.page.goto(
      oauth.buildAuthorizationUrl(config, { redirect_uri: redirectUri, scope: 'openid orders:read', ...pkce }).href,
    );
    await this.isAccessible();
  }

  async fill(fields: Record<string, string>): Promise<void> {
    for (const [label, value] of Object.entries(fields)) await this.page.getByLabel(label, { exact: true }).fill(value);
  }

  press(name: string): Promise<void> {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  async sees(text: string): Promise<void> {
    await this.page.getByText(text).first().waitFor();
    await this.isAccessible();
  }

  async arrives(address: string, parameter: 'code' | 'error'): Promise<void> {
    await this.page.waitForURL((url) => url.href.startsWith(address));
    if (!new URL(this.page.url()).searchParams.has(parameter)) throw new Error(`no ${parameter} in ${this.page.url()}`);
  }

  /** A language, a title, one first heading, and a label for everything that is typed into. */
  private async isAccessible(): Promise<void> {
    const missing = await this.page.evaluate<string[]>(`[
      document.documentElement.lang ? '' : 'no language',
      document.title ? '' : 'no title',
      document.querySelectorAll('h1').length === 1 ? '' : 'not one first heading',
      ...[...document.querySelectorAll('input:not([type=hidden])')].map((input) => input.labels.length === 1 ? '' : 'no label for ' + input.name),
    ].filter(Boolean)`);
    if (missing.length > 0) throw new Error(missing.join(', '));
  }
}
