import { check } from 'k6';
import crypto from 'k6/crypto';
import exec from 'k6/execution';
import http, { type Response } from 'k6/http';
import { data, perSecond, steadily, summaryTrendStats, thresholdsFor } from './shop.ts';

export { placeOrder } from './shop.ts';

/** Everybody signs in at once, while others go on ordering: sign-ins may be sent away, orders must not notice. */
export const options = {
  scenarios: { storm: steadily('signIn', perSecond), place: steadily('placeOrder', 5) },
  thresholds: thresholdsFor('place-order'),
  summaryTrendStats,
};

const callback = 'http://127.0.0.1/callback';
const tags = { kind: 'sign-in', name: 'sign in' };

/** As a browser does: code + PKCE, the form, the redirects, the token. */
export function signIn(): void {
  http.cookieJar().clear(data.gateway);
  const account = data.accounts[exec.scenario.iterationInTest % data.accounts.length];
  const verifier = crypto.sha256(crypto.randomBytes(32), 'hex');
  const challenge = crypto.sha256(verifier, 'base64rawurl');
  const asked = {
    client_id: 'shop-cli',
    response_type: 'code',
    redirect_uri: callback,
    scope: 'openid orders:read orders:write',
    state: 's',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  const form = http.get(`${data.gateway}/oidc/auth?${query(asked)}`, { tags });
  const token = /name="token" value="([^"]+)"/.exec(String(form.body))?.[1];
  if (!check(form, { 'the form comes': () => token !== undefined })) return;
  const sent = http.post(
    form.url,
    { token: token ?? '', email: account?.email ?? '', password: account?.password ?? '' },
    { redirects: 0, tags },
  );
  if (sent.status === 503 || sent.status === 429) return; // sent away in time is as it should be
  const code = codeFrom(sent);
  const granted = http.post(
    `${data.gateway}/oidc/token`,
    { grant_type: 'authorization_code', code, redirect_uri: callback, client_id: 'shop-cli', code_verifier: verifier },
    { tags },
  );
  check(granted, { 'is signed in': ({ status }) => status === 200 });
}

function codeFrom(sent: Response): string {
  for (let [answer, hops] = [sent, 0]; hops < 6; hops++) {
    const to = absolute(answer.headers['Location'] ?? '');
    if (to.startsWith(callback)) return decodeURIComponent(/[?&]code=([^&]+)/.exec(to)?.[1] ?? '');
    answer = http.get(to, { redirects: 0, tags });
  }
  return '';
}

const absolute = (location: string) => (location.startsWith('/') ? data.gateway + location : location);
const query = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
