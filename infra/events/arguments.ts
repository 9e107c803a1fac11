import { parseArgs } from 'node:util';
import { consumers, type ConsumerName } from '@shop/contracts';
import type { Filter } from '@shop/eventing';
import { Obstacle } from '../state.ts';
import type { OperatedShop } from './operated-shop.ts';

/** Where a command finds the shop, and says what it has to say. */
export interface Surroundings {
  readonly shop: () => OperatedShop;
  readonly say: (line: string) => void;
  /** How long a release or a check waits for the consumer, in ms. */
  readonly patience?: number;
}

export type Options = ReturnType<typeof parse>['values'];

/** One command: its options, what else was said, and where. Returns the exit code. */
export type Command = (options: Options, rest: string[], surroundings: Surroundings) => Promise<number>;

export function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    consumer: text,
    key: text,
    reason: text,
    rate: text,
    topic: text,
    version: text,
    at: text,
    yes: flag,
    'dry-run': flag,
    'skip-dead': flag,
    'after-restore': flag,
    accept: flag,
    since: text,
    help: flag,
  };
  return parseArgs({ args, allowPositionals: true, options });
}

export function filterOf({ consumer, key, reason }: Options): Filter {
  return {
    consumer: consumer === undefined ? undefined : asConsumer(consumer),
    key: key === undefined ? undefined : asKey(key),
    reason,
  };
}

export function nothingMore(rest: string[]): void {
  if (rest.length > 0) throw new Obstacle(`What is "${rest.join(' ')}" to mean here? See --help.`);
}

export const consumerNames = Object.keys(consumers) as ConsumerName[];

export function asConsumer(text: string): ConsumerName {
  const name = consumerNames.find((each) => each === text);
  if (!name) throw new Obstacle(`There is no consumer "${text}". There are: ${consumerNames.join(', ')}.`);
  return name;
}

function asKey(text: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(text)) return text;
  throw new Obstacle(
    `"${text}" cannot be a message key: those have 1 to 128 characters, no blanks, most often the id of an order or product.`,
  );
}
