import { gateway, graphLimits as limits } from '@shop/gateway';
import { runService } from '@shop/platform';
import {
  buildClientSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
  type IntrospectionQuery,
} from 'graphql';
import { urlOf } from './environment.ts';

/**
 * The schema of the gateway's graph, as a client sees it: asked of a gateway that listens for a moment; the services
 * behind it are not asked.
 */
export async function graphSchema(): Promise<string> {
  const nobody = urlOf(1);
  const behind = { AUTH_URLS: nobody, CATALOG_URLS: nobody, ORDERS_URLS: nobody, NOTIFICATIONS_URLS: nobody };
  const running = await runService(gateway, {
    PORT: '0',
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    ISSUER: nobody,
    JWKS_URL: nobody,
    ...behind,
    GRAPH_OPERATIONS: 'any',
  });
  try {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: getIntrospectionQuery() }),
    };
    const answer = await fetch(`${running.url}/graphql`, { ...init, signal: AbortSignal.timeout(20_000) });
    const { data } = (await answer.json()) as { data: IntrospectionQuery };
    return `${printSchema(lexicographicSortSchema(buildClientSchema(data)))}\n`;
  } finally {
    await running.close();
  }
}

/** What one operation may ask for, as a table for people. */
export function graphLimits(): string {
  const rows = Object.values(limits).map(
    ({ most, what, code }) => `| ${most.toLocaleString('en')} | ${what} | \`${code}\` |`,
  );
  return [
    '| at most | of | code |',
    '|---|---|---|',
    ...rows,
    '| 1 | operations in a request | `batch-not-allowed` |',
  ].join('\n');
}
