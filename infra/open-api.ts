import { gateway } from '@shop/gateway';
import { runService } from '@shop/platform';
import { services, urlOf } from './environment.ts';

/** The gateway's OpenAPI 3.1 document, asked of a gateway that listens nowhere else for a moment; the services behind it are not asked. */
export async function gatewayOpenApi(): Promise<object> {
  const nobody = urlOf(1);
  const running = await runService(gateway, {
    PORT: '0',
    LOG_LEVEL: 'silent',
    // In the document; everything else is only there to start with.
    ISSUER: `${urlOf(services.gateway)}/oidc`,
    JWKS_URL: nobody,
    AUTH_URLS: nobody,
    CATALOG_URLS: nobody,
    ORDERS_URLS: nobody,
    NOTIFICATIONS_URLS: nobody,
  });
  try {
    const answer = await fetch(`${running.url}/openapi.json`, { signal: AbortSignal.timeout(20_000) });
    return (await answer.json()) as object;
  } finally {
    await running.close();
  }
}
