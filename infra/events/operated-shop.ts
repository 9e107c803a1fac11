import { consumers, type ConsumerName } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Database } from '@shop/platform';
import type { DatabaseName } from '../databases.ts';
import type { RunningShop } from '../running.ts';
import { Obstacle } from '../state.ts';

/** As much of a running shop as an operator's commands need. */
export type OperatedShop = Pick<RunningShop, 'bus' | 'brokers' | 'databases'>;

/** Services that send or take messages, each with its own database. */
export const messagingServices = ['catalog', 'orders', 'payments', 'notifications'] as const satisfies DatabaseName[];
export type MessagingService = (typeof messagingServices)[number];

export type Sql = <T extends object = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<T[]>;

/** Which messages are meant; everything that is absent is not asked about. */
export interface Filter {
  readonly consumer?: ConsumerName | undefined;
  readonly key?: string | undefined;
  /** Part of the reason, whatever its case. */
  readonly reason?: string | undefined;
}

/** Consumers are named `<service>.<what>`. */
export const serviceOf = (consumer: ConsumerName) => consumer.split('.')[0] as MessagingService;

export const consumerNames = Object.keys(consumers) as ConsumerName[];

export function asConsumer(text: string): ConsumerName {
  const name = consumerNames.find((each) => each === text);
  if (!name) throw new Obstacle(`There is no consumer "${text}". There are: ${consumerNames.join(', ')}.`);
  return name;
}

export function asKey(text: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(text)) return text;
  throw new Obstacle(`"${text}" cannot be a message key: those have 1 to 128 characters, no blanks, most often the id of an order or product.`);
}

/** Runs `work` on a service's own database, as its owner. Throws an Obstacle when the database does not answer. */
export async function inDatabase<T>({ databases }: OperatedShop, service: MessagingService, work: (sql: Sql, database: Database) => Promise<T>): Promise<T> {
  const database = new Database(databases[service].ownerUrl, { size: 2, application: 'operator' });
  try {
    await database.query('SELECT 1');
    return await work((text, values) => database.query(text, values), database);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new Obstacle(`The database of ${service} does not answer (${(error.cause as Error).message}).`);
  } finally {
    await database.close();
  }
}

const isUnavailable = (error: unknown): error is DomainError => error instanceof DomainError && error.kind === 'unavailable';

/** Rows as columns of text, each as wide as its widest. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}
