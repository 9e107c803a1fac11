import { objectives } from '@shop/infra/objectives';
import { expect, it } from 'vitest';
import { thresholds } from './thresholds.ts';

it('are the objectives in k6’s words', () => {
  const [place, read] = [(of: string) => `${of}{kind:place-order}`, (of: string) => `${of}{kind:read}`];
  expect(Object.keys(thresholds(objectives)).sort()).toEqual(
    [
      place('http_req_duration'),
      place('http_req_failed'),
      read('http_req_duration'),
      read('http_req_failed'),
      'order_fresh',
    ].sort(),
  );
});

it('leave what an objective leaves', () => {
  const routes = [{ method: 'GET', route: '/v1/products' }];
  expect(
    thresholds([
      { id: 'read-availability', kind: 'availability', target: 0.999, routes, promise: '' },
      { id: 'read-latency', kind: 'latency', target: 0.99, withinSeconds: 0.25, routes, promise: '' },
      {
        id: 'order-freshness',
        kind: 'freshness',
        target: 0.99,
        withinSeconds: 1,
        consumer: 'orders.list',
        promise: '',
      },
    ]),
  ).toEqual({
    'http_req_failed{kind:read}': ['rate<=0.001'],
    'http_req_duration{kind:read}': ['p(99)<=250'],
    order_fresh: ['rate>=0.99'],
  });
});
