import { userInfo } from 'node:os';
import type { ConsumerName } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Database } from '@shop/platform';
import { settingsOf } from '../bus.ts';
import type { DatabaseName } from '../databases.ts';
import type { RunningShop } from '../running.ts';
import { Obstacle } from '../state.ts';

/**
 * As much of a running shop as an operator's commands need. They go to its databases and its broker, so that they also
 * work while its services do not.
 */
export type OperatedShop = Pick<RunningShop, 'bus' | 'brokers' | 'databases'> &
  Partial<Pick<RunningShop, 'providerKey'> & { readonly urls: Pick<RunningShop['urls'], 'provider'> }>;

/** The bus of a shop, of which an older one has told only its Kafka. */
export const busOf = ({ bus, brokers }: OperatedShop) =>
  settingsOf(bus ?? (brokers === undefined ? { BUS: 'memory' } : { BUS: 'kafka', KAFKA_BROKERS: brokers }));

/** Services that send or take messages, each with its own database. */
export const messagingServices = ['catalog', 'orders', 'payments', 'notifications'] as const satisfies DatabaseName[];
export type MessagingService = (typeof messagingServices)[number];

/** Consumers are named `<service>.<what>`. */
export const serviceOf = (consumer: ConsumerName) => consumer.split('.')[0] as MessagingService;

/** Who works at this keyboard, as the operating system knows them. */
export const operator = () => userInfo().username;

/** Runs `work` on a service's own database, as its owner. Throws an Obstacle when the database does not answer. */
export async function inDatabase<T>(
  { databases }: OperatedShop,
  service: MessagingService,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = new Database(databases[service].ownerUrl, { size: 2, application: 'operator' });
  try {
    return await work(database);
  } catch (error) {
    if (!(error instanceof DomainError && error.code === 'database-unavailable')) throw error;
    throw new Obstacle(`The database of ${service} does not answer (${(error.cause as Error).message}).`);
  } finally {
    await database.close();
  }
}

/** Rows as columns of text, each as wide as its widest. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** One line, however long the story. */
export const line = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 160);
