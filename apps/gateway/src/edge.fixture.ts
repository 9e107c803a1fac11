import { runService } from '@shop/platform';
import { fakeIssuer, FakeService } from './services.fixture.ts';
import { gateway } from './service.ts';

/** A gateway before services that answer as they are told; `settings` is more of its environment. */
export async function startEdge(settings: Record<string, string> = {}) {
  const [auth, catalog, orders, notifications] = await Promise.all([
    FakeService.start(),
    FakeService.start(),
    FakeService.start(),
    FakeService.start(),
  ]);
  const issuer = 'http://shop.example/oidc';
  const tokens = await fakeIssuer(issuer);
  const running = await runService(gateway, {
    ISSUER: issuer,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    AUTH_URLS: auth.url,
    CATALOG_URLS: catalog.url,
    ORDERS_URLS: orders.url,
    NOTIFICATIONS_URLS: notifications.url,
    ...settings,
  });
  const services = { auth, catalog, orders, notifications };
  return {
    url: running.url,
    routes: running.routes,
    services,
    token: tokens.token,
    async stop() {
      await running.close();
      await Promise.all([tokens, ...Object.values(services)].map((each) => each.stop()));
    },
  };
}
