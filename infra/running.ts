import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BusEnvironment } from './bus.ts';
import type { DatabaseName, DatabaseUrls } from './databases.ts';
import type { ServiceName, OutsideName } from './environment.ts';
import { defaultState, holderOfState, Obstacle } from './state.ts';
import type { ShopAddress } from './story.ts';

/**
 * What a running shop leaves for other commands and a second start: where it listens, and how an operator gets at its
 * databases.
 */
export interface RunningShop {
  urls: Record<ServiceName | OutsideName, string>;
  /** What it speaks on; Kafka where only its brokers are known. */
  bus?: BusEnvironment;
  /** Kafka's, where it is the bus. */
  brokers?: string | undefined;
  /** Zipkin, where traces go to it. */
  traces?: string | undefined;
  providerKey: string;
  /** Of the client `operator`. */
  operatorSecret: string;
  /** The key of the demo admin's authenticator app, base32. */
  adminTotp: string;
  databases: Record<DatabaseName, DatabaseUrls>;
}

const fileIn = (folder: string) => join(folder, 'shop.json');

/** Written when the shop is up. It holds secrets, so only its owner may read it. */
export function announce(folder: string, shop: RunningShop): void {
  const { urls, bus, brokers, traces, providerKey, operatorSecret, adminTotp, databases } = shop;
  writeFileSync(
    fileIn(folder),
    JSON.stringify({ urls, bus, brokers, traces, providerKey, operatorSecret, adminTotp, databases }),
    { mode: 0o600 },
  );
}

export function unannounce(folder: string): void {
  rmSync(fileIn(folder), { force: true });
}

/** The shop that runs from this clone. */
export function runningShop(folder = defaultState): RunningShop {
  try {
    if (!holderOfState(folder)) throw new Error('What is written there is of a shop that was killed.');
    return JSON.parse(readFileSync(fileIn(folder), 'utf8')) as RunningShop;
  } catch {
    throw new Obstacle('The shop does not run here. Start it with "npm start".');
  }
}

/** The same, as the story wants it. */
export function addressOf({
  urls: { gateway, provider, mail },
  providerKey,
  traces,
  bus = { BUS: 'memory' },
}: RunningShop): ShopAddress {
  return { gateway, issuer: `${gateway}/oidc`, provider, providerKey, mail, traces, bus };
}
