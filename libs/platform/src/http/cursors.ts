import { hash } from 'node:crypto';
import type { z } from 'zod';
import type { Position } from '../data/keyset.ts';
import { validationFailed } from './validation.pipe.ts';

/** What a list was asked for; everything but how many and where from is part of the question. */
type Question = Readonly<Record<string, unknown>> & { readonly cursor?: string | undefined; readonly limit: number };

/** Says how a cursor is made: one of another make is refused, not misread. */
const VERSION = 2;
const [ID_AT, KEY_AT] = [9, 25];

/**
 * The cursors of one list: opaque to clients, and good for one question only, because a position among products by
 * price means nothing among products by name. One version byte, eight bytes of the question's hash, the id's sixteen,
 * then the key as JSON. Nobody is kept from making one up: all it can say is a place in a list that one may read
 * anyway.
 */
export class Cursors {
  /** `list` is its name: cursors of one list are refused by the others. */
  constructor(private readonly list: string) {}

  /** The cursor that continues after a position. */
  after(question: Question, { key, id }: Position): string {
    const parts = [
      Buffer.of(VERSION),
      this.#hash(question),
      Buffer.from(id.replaceAll('-', ''), 'hex'),
      Buffer.from(JSON.stringify(key)),
    ];
    return Buffer.concat(parts).toString('base64url');
  }

  /**
   * Where the question's cursor says to continue; undefined without one. Throws 400, naming the cursor, for one that
   * this list did not make for this question.
   */
  position(question: Question, key: z.ZodType<string | number>): Position | undefined {
    const { cursor } = question;
    if (cursor === undefined) return undefined;
    const bytes = Buffer.from(cursor, 'base64url');
    const position = read(bytes, key);
    // Written again it must be the same: no second spelling, and no other question.
    if (position && this.after(question, position) === cursor) return position;
    const other =
      bytes[0] === VERSION && bytes.length > KEY_AT && !this.#hash(question).equals(bytes.subarray(1, ID_AT));
    const message = other
      ? 'This cursor belongs to another filter or sort: keep both as they were, or begin anew.'
      : 'Not a cursor of this list; take the one a page came with as it is.';
    throw validationFailed([{ message }], '/query/cursor');
  }

  #hash({ cursor: _, limit: __, ...question }: Question): Buffer {
    const asked = Object.entries(question)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return hash('sha256', JSON.stringify([this.list, asked]), 'buffer').subarray(0, ID_AT - 1);
  }
}

function read(bytes: Buffer, schema: z.ZodType<string | number>): Position | undefined {
  if (bytes.length <= KEY_AT) return undefined;
  const id = bytes.toString('hex', ID_AT, KEY_AT).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  try {
    const key = schema.safeParse(JSON.parse(bytes.toString('utf8', KEY_AT)));
    return key.success ? { id, key: key.data } : undefined;
  } catch {
    return undefined;
  }
}
