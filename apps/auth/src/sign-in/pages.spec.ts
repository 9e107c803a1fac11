import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { failurePage, registrationPage, signInPage } from './pages.ts';

const state = { uid: 'u1', token: 't1', redirectUri: 'http://127.0.0.1:4711/callback' };

describe('the sign-in pages', () => {
  it('write what somebody typed as text, never as markup', () => {
    const { body } = registrationPage({ ...state, values: { name: `"><script>'&` }, problem: '<b>' });
    expect(body).toContain('value="&quot;&gt;&lt;script&gt;&#39;&amp;"');
    expect(body).toContain('<p role="alert">&lt;b&gt;</p>');
  });

  it('never send a password back', () => {
    expect(signInPage({ ...state, values: { email: 'a@example.com', password: 'secret' } }).body).not.toContain(
      'secret',
    );
  });

  it('name each field, and tie what is wrong with it to it', () => {
    const { body } = registrationPage({ ...state, wrong: { email: 'No address.' } });
    for (const name of ['name', 'email', 'password']) expect(body).toContain(`<label for="${name}">`);
    expect(body).toContain('aria-invalid="true" aria-describedby="email-wrong"');
    expect(body).toContain('id="email-wrong">No address.<');
    expect(body).toContain('<title>Error: Create an account</title>');
    // A password manager knows what to put where.
    expect(body).toContain('type="password" autocomplete="new-password"');
    expect(signInPage(state).body).toContain('type="password" autocomplete="current-password"');
  });

  it('allow their own style and nothing else, and forms to lead to us and to the application', () => {
    const { body, headers } = signInPage(state);
    const style = /<style>([^]*?)<\/style>/.exec(body)?.[1] ?? '';
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
        `form-action 'self' http://127.0.0.1:4711; base-uri 'none'; frame-ancestors 'none'`,
    );
    expect(failurePage(400, 'No', 'x').headers['content-security-policy']).toContain(`form-action 'none'`);
    expect(headers['referrer-policy']).toBe('same-origin');
  });
});
