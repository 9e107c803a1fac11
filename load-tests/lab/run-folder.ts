import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { objectives } from '@shop/infra/objectives';
import { thresholds } from './thresholds.ts';
import { account, Customers, paymentToken, productIds, registerAs, type Address } from './traffic.ts';

/** What one scenario needs to begin with, on disk for k6, and the tokens of the moment at an address of their own. */
export interface Prepared {
  readonly file: string;
  close(): void;
}

export interface People {
  readonly customers: number;
  /** Who may sign in during a run. */
  readonly accounts: number;
}

export async function prepare(address: Address, folder: string, people: People): Promise<Prepared> {
  mkdirSync(folder, { recursive: true });
  const accounts = Array.from({ length: people.accounts }, account);
  const [products, customers, card] = [
    await productIds(address),
    await Customers.register(address, people.customers),
    await paymentToken(address),
  ];
  for (const each of accounts) await registerAs(address, each);
  const server = createServer((_, response) => {
    customers.tokens().then(
      (tokens) => response.setHeader('content-type', 'application/json').end(JSON.stringify(tokens)),
      () => response.writeHead(503).end(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const tokens = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const freshWithinSeconds = objectives.find((objective) => objective.kind === 'freshness')?.withinSeconds ?? 1;
  const file = join(folder, 'data.json');
  writeFileSync(
    file,
    JSON.stringify({
      gateway: address.gateway,
      tokens,
      products,
      card,
      accounts,
      thresholds: thresholds(objectives),
      freshWithinSeconds,
    }),
    { mode: 0o600 },
  );
  return {
    file,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What k6 says at the end, by metric. */
export type Summary = Readonly<Record<string, Readonly<Record<string, number>> | undefined>>;

export function readSummary(file: string): Summary {
  return (JSON.parse(readFileSync(file, 'utf8')) as { metrics: Summary }).metrics;
}
