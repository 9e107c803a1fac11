import { randomUUID } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { consumers, deadLetterTopic, topics } from '@shop/contracts';
import { readTopic } from '@shop/eventing';
import type { Customer, E2eShop } from './e2e-shop.fixture.ts';

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

/**
 * Sends a secret from wherever somebody may send one, in right requests and in wrong ones; what was answered, headers
 * and all.
 */
export async function sendEverywhere(shop: E2eShop, customer: Customer, secret: string): Promise<string[]> {
  const gateway = shop.shop.urls.gateway;
  const [name, product] = [`c${randomUUID()}`, [...(await shop.products()).values()][0]];
  const account = { email: `${name}@example.com`, password: secret, name: 'Canary' };
  const wish = { lines: [{ productId: product, quantity: 1 }], paymentToken: `tok_${secret}` };
  const posts: [path: string, headers: Record<string, string>, body: string][] = [
    ['/v1/accounts', json, JSON.stringify(account)],
    ['/v1/accounts', json, JSON.stringify({ ...account, email: 'nobody' })],
    ['/v1/accounts', json, JSON.stringify({ ...account, unknown: secret })],
    ['/v1/accounts', json, `{"password":"${secret}",`],
    ['/v1/accounts', { 'content-type': 'text/plain' }, secret],
    ['/v1/orders', { ...json, authorization: `Bearer ${secret}` }, JSON.stringify(wish)],
    [
      '/v1/orders',
      { ...json, authorization: `Basic ${secret}`, cookie: `session=${secret}`, 'if-match': secret },
      JSON.stringify(wish),
    ],
    [
      '/oidc/token',
      form,
      new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'operator',
        client_secret: secret,
      }).toString(),
    ],
    [
      '/oidc/token',
      form,
      new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: 'shop-cli',
        code: secret,
        code_verifier: secret,
      }).toString(),
    ],
    [
      '/oidc/token',
      form,
      new URLSearchParams({ grant_type: 'refresh_token', client_id: 'shop-cli', refresh_token: secret }).toString(),
    ],
  ];
  const answers = posts.map(([path, headers, body]) => fetch(gateway + path, { method: 'POST', headers, body }));
  answers.push(
    fetch(`${gateway}/v1/products?token=${secret}&limit=${secret}`, { headers: { 'if-none-match': `"${secret}"` } }),
  );
  const said = await Promise.all(
    answers.map(async (answer) => JSON.stringify([[...(await answer).headers], await (await answer).text()])),
  );
  const basket = { ...wish, lines: [{ productId: product, quantity: 1 }] };
  const refused = [
    await customer.post({ ...basket, paymentToken: secret }, randomUUID()),
    await customer.post({ ...basket, card: secret }, randomUUID()),
  ];
  const placed = await customer.post(basket, randomUUID());
  const ended = await customer.until(placed.body.id, 'cancelled', 'confirmed');
  const { body: history } = await customer.ask(`/v1/orders/${ended.id}/history`);
  return [
    ...said,
    ...[...refused, placed].map(({ body }) => JSON.stringify(body)),
    JSON.stringify(ended),
    JSON.stringify(history),
  ];
}

/** Where a secret is to be seen: logs of our processes, and what lies on the topics, dead letters too. */
export async function sightings(shop: E2eShop, secret: string): Promise<string[]> {
  const logs = globSync(join(shop.folder, 'logs/*.log')).filter((file) => !basename(file).startsWith('provider'));
  if (logs.length === 0) throw new Error(`No process has a log in ${shop.folder}.`);
  const inLogs = logs.filter((file) => readFileSync(file, 'utf8').includes(secret)).map((file) => basename(file));
  const brokers = shop.shop.brokers;
  if (brokers === undefined) return inLogs;
  const all = [...Object.keys(topics), ...Object.keys(consumers).map(deadLetterTopic)];
  const lying = await Promise.all(
    all.map(async (topic) => [topic, JSON.stringify(await readTopic(brokers, topic))] as const),
  );
  return [...inLogs, ...lying.flatMap(([topic, text]) => (text.includes(secret) ? [topic] : []))];
}
