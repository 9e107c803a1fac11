import { connect } from 'node:net';
import type { Failure } from './failures.ts';

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Sends these bytes and reads to the end. */
export async function sent(url: string, bytes: string): Promise<Answer> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes));
  socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in half a minute')));
  const text = (await socket.setEncoding('utf8').toArray()).join('');
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [line = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((each): [string, string] => [each.slice(0, each.indexOf(':')), each.slice(each.indexOf(':') + 1).trim()]),
  );
  return { status: Number(line.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}

/** What a program makes of an answer. */
export interface Understood {
  /** By what it tells this failure from others: a code, wherever there is one, or else the status. */
  readonly as: string;
  /** What it needs and did not find. */
  readonly lacks: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * A program that tries hard: it takes a code from any of the places where people put one, fields from lists of errors
 * in several forms, and where it finds no code it goes by the status. It does not read prose.
 */
export function understood({ status, headers, body }: Answer, { needs = {} }: Failure): Understood {
  const answer = parsed(body);
  const inner = isFields(answer['error']) ? answer['error'] : {};
  const fields = fieldsOf(
    answer['errors'] ?? answer['message'] ?? inner['fields'] ?? inner['details'] ?? inner['errors'],
  );
  const code = [answer['code'], inner['code'], answer['errorCode']].find((each) => typeof each === 'string');
  const met: Record<string, boolean> = {
    field: needs.field === undefined || fields.some((field) => field.endsWith(needs.field ?? '')),
    wait: !needs.wait || headers.has('retry-after'),
    allow: !needs.allow || headers.has('allow'),
    trace:
      !needs.trace ||
      [answer['traceId'], inner['traceId'], headers.get('x-request-id')].some((each) => typeof each === 'string'),
  };
  const lacks = Object.keys(met).filter((need) => !met[need]);
  return { as: `${status} ${code ?? (fields.length > 0 ? 'with fields' : '')}`.trim(), lacks };
}

/** Failures that a program takes for each other though they call for different things: by how it knows them. */
export function confused(known: readonly { readonly means: string; readonly as: string }[]): ReadonlySet<string> {
  const meanings = Map.groupBy(known, ({ as }) => as);
  return new Set(
    [...meanings].filter(([, those]) => new Set(those.map(({ means }) => means)).size > 1).map(([as]) => as),
  );
}

/** Pointers to fields, from `[{ pointer }]`, `[{ path: [] }]`, `[{ field }]` or `["lines.0.quantity: …"]`. */
function fieldsOf(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    if (typeof error === 'string') return /^[\w.]+(?=: )/.exec(error)?.[0].replace(/^|\./g, '/') ?? [];
    if (!isFields(error)) return [];
    const { pointer, path, field } = error;
    if (Array.isArray(path)) return `/${path.join('/')}`;
    const named = pointer ?? path ?? field;
    return typeof named === 'string' ? named.replace(/^(?!\/)/, '/').replaceAll('.', '/') : [];
  });
}

function parsed(body: string): Fields {
  try {
    const answer: unknown = JSON.parse(body);
    return isFields(answer) ? answer : {};
  } catch {
    return {};
  }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
