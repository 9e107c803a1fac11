import { z } from 'zod';

/** Where a page of products ended. */
export interface ProductPosition {
  readonly name: string;
  readonly id: string;
}

/** Says which order the position belongs to: 1 = by (name, id). A cursor of another order is refused, not misread. */
const VERSION = 1;
const ID_END = 17;

/** The cursor that continues after a position: opaque to clients, one version byte, the id's 16 bytes, then the name. */
export function toCursor({ name, id }: ProductPosition): string {
  return Buffer.concat([Buffer.of(VERSION), Buffer.from(id.replaceAll('-', ''), 'hex'), Buffer.from(name)]).toString('base64url');
}

/** Reads what toCursor made, and nothing else. */
export const pageCursor = z
  .string()
  .max(256)
  .transform((text, context): ProductPosition => {
    const position = read(text);
    if (position) return position;
    context.addIssue({ code: 'custom', message: 'Not a cursor of this list; take the nextCursor of a page as it is.' });
    return z.NEVER;
  });

function read(text: string): ProductPosition | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes[0] !== VERSION || bytes.length <= ID_END) return undefined;
  const id = bytes.toString('hex', 1, ID_END).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const position = { id, name: bytes.toString('utf8', ID_END) };
  // Written again it must be the same: no second spelling, no broken UTF-8, no NUL that Postgres would choke on.
  return toCursor(position) === text && !position.name.includes('\0') ? position : undefined;
}
