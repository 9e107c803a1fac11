import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { problem, problems, type ProblemCode } from '@shop/contracts';
import { mergePatch } from '@shop/platform';
import { exampleOf, examples } from './examples.ts';
import { toJsonSchema } from './json-schema.ts';
import { countedHeaders, laterHeaders, refusals, sentHeaders, takenHeaders, type OperationNotes } from './operation.ts';

type Paths = OpenAPIObject['paths'];
type Scanned = NonNullable<Paths[string]['get']>;
type Schemas = Record<string, object>;
type Content = Record<string, { readonly schema: object }>;

/** What the code says about an operation: its notes, and the scopes it needs; undefined where it is public. */
export interface Published {
  readonly notes: OperationNotes;
  readonly scopes: readonly string[] | undefined;
  readonly roles: readonly string[];
}

/** Adds to what was scanned what the notes say, and leaves out what is not published. */
export function complete(document: OpenAPIObject, published: ReadonlyMap<string, Published>): OpenAPIObject {
  const schemas: Schemas = { ...document.components?.schemas, ...toJsonSchema(problem, 'output').components };
  const paths: Paths = {};
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [verb, scanned] of Object.entries(item) as [string, Scanned][]) {
      const found = published.get(scanned.operationId ?? '');
      if (!found) continue;
      const more = { tags: [tagOf(path)], ...(path.startsWith('/v1/') && { deprecated: true }) };
      paths[path] = { ...paths[path], [verb]: { ...operation(verb, scanned, found, schemas), ...more } };
    }
  }
  const headers = Object.fromEntries(
    Object.entries({ ...countedHeaders, ...laterHeaders }).map(([name, description]) => [name, headerOf(description)]),
  );
  return { ...document, paths, components: { ...document.components, schemas: schemas as never, headers } };
}

/** The resource that a path is about. */
export const tagOf = (path: string): string => path.split('/')[2] ?? 'shop';

function operation(verb: string, scanned: Scanned, published: Published, schemas: Schemas): Scanned {
  const { notes, scopes } = published;
  const { summary, description, takes = [], needs } = notes;
  const parameters = [...(scanned.parameters ?? []), ...takes.map((name) => taken(name, needs))];
  const body = scanned.requestBody && {
    requestBody: { ...inItsLanguage(scanned.requestBody, verb), required: notes.body !== 'optional' } as never,
  };
  return {
    ...scanned,
    summary,
    ...(description && { description }),
    parameters,
    ...body,
    responses: {
      [notes.status ?? 200]: success(notes, schemas),
      ...(takes.includes('If-None-Match') && {
        304: { description: refusals[304], headers: referred(countedHeaders) },
      }),
      ...answersOf(codesOf(published, { hasBody: body !== undefined, hasParameters: parameters.length > 0 })),
    },
    security: scopes ? [{ signIn: [...scopes] }, { token: [...scopes] }] : [],
  };
}

/** Everything that an operation can be refused for: what it shares with others like it, and its own. */
function codesOf(
  { notes, scopes, roles }: Published,
  { hasBody, hasParameters }: { hasBody: boolean; hasParameters: boolean },
): ProblemCode[] {
  const { takes = [], needs, refuses = [] } = notes;
  const shared: [boolean, ...ProblemCode[]][] = [
    [hasBody || hasParameters, 'validation-failed'],
    [hasBody, 'malformed-json', 'json-too-deep', 'body-too-large', 'unsupported-media-type'],
    [scopes !== undefined, 'token-missing', 'token-invalid'],
    [(scopes ?? []).length > 0, 'insufficient-scope'],
    [roles.length > 0, 'role-missing', 'second-factor-required'],
    [true, 'not-acceptable', 'rate-limited', 'overloaded', 'unavailable', 'deadline-exceeded'],
    [takes.includes('Idempotency-Key'), 'request-in-progress', 'idempotency-key-reused'],
    [takes.includes('If-Match'), 'precondition-failed'],
    [needs === 'If-Match', 'if-match-required'],
  ];
  return [...shared.flatMap(([applies, ...codes]) => (applies ? codes : [])), ...refuses];
}

/** By status, with an example of each code. */
function answersOf(codes: readonly ProblemCode[]): Record<string, object> {
  const byStatus = Map.groupBy(codes, (code) => problems[code][0]);
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => a - b).map(([status, ofStatus]) => [status, refusal(status, ofStatus)]),
  );
}

function refusal(status: (typeof problems)[ProblemCode][0], codes: readonly ProblemCode[]) {
  const shown = Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code, STATUS_CODES) }]));
  const headers = referred(status === 429 || status === 503 ? { ...countedHeaders, ...laterHeaders } : countedHeaders);
  return {
    description: refusals[status],
    headers,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, examples: shown } },
  };
}

/** A PATCH is a JSON Merge Patch; the scanner takes every body for JSON. */
function inItsLanguage(body: NonNullable<Scanned['requestBody']>, verb: string): object {
  const content = ('content' in body ? body.content : {}) as Content;
  return {
    ...body,
    content: Object.fromEntries(
      Object.values(content).map(({ schema }) => [verb === 'patch' ? mergePatch : 'application/json', shown(schema)]),
    ),
  };
}

/** A schema with the example of what it names. */
function shown(schema: object): { schema: object; examples?: object } {
  const name = '$ref' in schema ? String(schema.$ref).split('/').at(-1) : undefined;
  const value = name === undefined ? undefined : examples[name];
  return { schema, ...(value !== undefined && { examples: { example: { value } } }) };
}

/** All headers of a request together are no longer, by Node's own limit; nor is one of an answer. */
const HEADERS_BYTES = 16_384;

const headerOf = (description: string) => ({
  description,
  schema: { type: 'string' as const, maxLength: HEADERS_BYTES },
});
const referred = (names: object) =>
  Object.fromEntries(Object.keys(names).map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function taken(name: keyof typeof takenHeaders, needed: string | undefined) {
  const { schema, required, description } = takenHeaders[name];
  return {
    name,
    in: 'header' as const,
    required: required || name === needed,
    description,
    schema: { maxLength: HEADERS_BYTES, ...toJsonSchema(schema, 'input').schema },
  };
}

function success({ answer, sends = [] }: OperationNotes, schemas: Schemas) {
  const { schema, components } = toJsonSchema(answer, 'output');
  Object.assign(schemas, components);
  const own = Object.fromEntries(sends.map((name) => [name, headerOf(sentHeaders[name])]));
  return {
    description: 'Done.',
    headers: { ...own, ...referred(countedHeaders) },
    content: { 'application/json': shown(schema) },
  };
}
