import { expect, it } from 'vitest';
import { between, readHistogram } from './server-side.ts';

const labels = (route: string, status = 201) =>
  `http_request_method="POST",http_route="${route}",http_response_status_code="${status}"`;
const page = (fast: number, slow: number, route = '/v1/orders') => `# TYPE http_server_request_duration histogram
http_server_request_duration_count{${labels(route)}} ${fast + slow}
http_server_request_duration_sum{${labels(route)}} ${fast * 0.01 + slow * 0.5}
http_server_request_duration_bucket{${labels(route)},le="0.01"} ${fast}
http_server_request_duration_bucket{${labels(route)},le="0.5"} ${fast + slow}
http_server_request_duration_bucket{${labels(route)},le="+Inf"} ${fast + slow}
`;
const routes = [{ method: 'POST', route: '/v1/orders' }];

it('tells what the server saw between two readings', () => {
  const { requests, meanMs, p50Ms, p99Ms } = between(
    readHistogram(page(100, 0), routes),
    readHistogram(page(190, 10), routes),
  );
  expect([requests, meanMs]).toEqual([100, 59]);
  expect(p50Ms).toBeLessThanOrEqual(10);
  expect(p99Ms).toBeGreaterThan(10);
  expect(p99Ms).toBeLessThanOrEqual(500);
});

it('counts no other route', () => expect(readHistogram(page(5, 5, '/v1/orders/:id'), routes).count).toBe(0));

it('adds statuses up', () =>
  expect(readHistogram(page(5, 5) + page(1, 0).replaceAll('"201"', '"503"'), routes).count).toBe(11));
