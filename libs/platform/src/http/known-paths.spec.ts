import { expect, it } from 'vitest';
import { KnownPaths } from './known-paths.ts';

const paths = new KnownPaths();
paths.add('/orders', ['GET', 'POST']);
paths.add('/orders/:id', ['GET']);
paths.add('/orders/:id/cancellation', ['POST']);
paths.add('/orders/recent', ['DELETE']);
paths.add('/oidc/*', ['GET', 'POST']);
paths.add('/openapi.json', ['GET']);

it.each([
  ['/orders', ['GET', 'POST']],
  ['/orders/7', ['GET']],
  ['/orders/7/cancellation', ['POST']],
  ['/orders/recent', ['DELETE', 'GET']],
  ['/oidc/token/introspection', ['GET', 'POST']],
  ['/openapi.json', ['GET']],
  ['/oidc//token', []],
  ['/oidc/token/', []],
  ['/openapixjson', []],
  ['/orders/7/nothing', []],
  ['/', []],
])('knows what %s takes: %j', (path, methods) => {
  expect(paths.methodsOf(path)).toEqual(methods);
});
