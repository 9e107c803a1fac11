import { gateway } from '@shop/gateway';
import { runService } from '@shop/platform';
import { urlOf } from './environment.ts';

/**
 * The gateway's OpenAPI 3.1 documents, one of each version, asked of a gateway that listens nowhere else for a moment;
 * the services behind it are not asked.
 */
export async function gatewayOpenApi(): Promise<object[]> {
  const nobody = urlOf(1);
  const running = await runService(gateway, {
    PORT: '0',
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    // In the document, as of a deployment; everything else is only there to start with.
    ISSUER: 'https://shop.example/oidc',
    JWKS_URL: nobody,
    AUTH_URLS: nobody,
    CATALOG_URLS: nobody,
    ORDERS_URLS: nobody,
    NOTIFICATIONS_URLS: nobody,
  });
  try {
    return await Promise.all(
      ['v1', 'v2'].map(
        async (version) =>
          (await (
            await fetch(`${running.url}/${version}/openapi.json`, { signal: AbortSignal.timeout(20_000) })
          ).json()) as object,
      ),
    );
  } finally {
    await running.close();
  }
}
