import type { Type } from '@nestjs/common';
import { BatchedLoads, graphLoading, type LoadsFactory } from '@shop/gateway';
import { runService } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';
import { EachOnce, OneByOne } from './single-loads.ts';

/** Where everybody else is. */
export interface Wish {
  readonly issuer: string;
  readonly keysUrl: string;
  readonly catalog: string;
  readonly orders: string;
}

const ways: Record<string, Type<LoadsFactory>> = {
  'one by one': OneByOne,
  'each once': EachOnce,
  batched: BatchedLoads,
};

const { variant } = takePart();
const loads = ways[variant];
if (!loads) throw new Error(`no such variant: ${variant}`);

/** The product's graph, and a way to read what its operations name; answers with its address. */
serve<Wish>(
  async ({ issuer, keysUrl, catalog, orders }) => {
    const env = {
      ISSUER: issuer,
      JWKS_URL: keysUrl,
      AUTH_URLS: catalog,
      CATALOG_URLS: catalog,
      ORDERS_URLS: orders,
      NOTIFICATIONS_URLS: orders,
      GRAPH_OPERATIONS: 'any',
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'silent',
      SHED_LOOP_DELAY_MS: '0',
    };
    return (await runService(graphLoading(loads), env)).url;
  },
  () => Promise.resolve(),
);
