import { describe, expect, it } from 'vitest';
import { classOf, rateLimits } from './quotas.ts';

describe('the table of quotas', () => {
  it('has every class by default, an address for each', () => {
    const table = rateLimits.parse(undefined);
    expect(Object.entries(table ?? {}).map(([route, { address }]) => [route, address?.name])).toEqual(
      ['read', 'write', 'graph', 'authorization', 'sign-in', 'token'].map((route) => [route, `${route}-address`]),
    );
  });

  it('is changed by rules, the later one last', () => {
    const table = rateLimits.parse('*.address=9/1, write.user=5/2');
    expect([table?.read.address, table?.write.address, table?.write.user, table?.token]).toEqual([
      { name: 'read-address', limit: 9, seconds: 1 },
      { name: 'write-address', limit: 9, seconds: 1 },
      { name: 'write-user', limit: 5, seconds: 2 },
      { address: { name: 'token-address', limit: 9, seconds: 1 } },
    ]);
  });

  it('is switched off by a word', () => {
    expect(rateLimits.parse('off')).toBeUndefined();
  });

  it.each(['write', 'write.user=5', 'nothing.user=5/1', 'write.nobody=5/1', 'write.user=0/1'])('refuses %s', (text) => {
    expect(rateLimits.safeParse(text).success).toBe(false);
  });
});

it.each([
  ['GET', '/v1/orders', 'read'],
  ['POST', '/v1/orders', 'write'],
  ['PATCH', '/v1/products/:id', 'write'],
  ['GET', '/oidc/*', 'read'],
  ['GET', '/oidc/auth', 'authorization'],
  ['HEAD', '/oidc/auth', 'authorization'],
  ['POST', '/oidc/token', 'token'],
  ['POST', '/oidc/token/*', 'token'],
  ['POST', '/oidc/*', 'sign-in'],
  ['POST', '/v1/accounts', 'sign-in'],
  ['POST', '/graphql', 'graph'],
  ['GET', '/graphql', 'graph'],
  ['GET', '/health/ready', undefined],
])('%s %s is of the class %s', (method, path, route) => {
  expect(classOf(method, path)).toBe(route);
});
