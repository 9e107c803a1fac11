import type { OpenAPIObject } from '@nestjs/swagger';
import { problem } from '@shop/contracts';
import { mergePatch } from '@shop/platform';
import { toJsonSchema } from './json-schema.ts';
import { refusals, sentHeaders, takenHeaders, type OperationNotes } from './operation.ts';

type Paths = OpenAPIObject['paths'];
type Scanned = NonNullable<Paths[string]['get']>;
type Schemas = Record<string, object>;

/** What the code says about an operation: its notes, and the scopes it needs; undefined where it is public. */
export interface Published {
  readonly notes: OperationNotes;
  readonly scopes: readonly string[] | undefined;
}

/** Adds to what was scanned what the notes say, and leaves out what is not published. */
export function complete(document: OpenAPIObject, published: ReadonlyMap<string, Published>): OpenAPIObject {
  const schemas: Schemas = { ...document.components?.schemas, ...toJsonSchema(problem, 'output').components };
  const paths: Paths = {};
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [verb, scanned] of Object.entries(item) as [string, Scanned][]) {
      const found = published.get(scanned.operationId ?? '');
      if (found) paths[path] = { ...paths[path], [verb]: operation(verb, scanned, found, schemas) };
    }
  }
  return { ...document, paths, components: { ...document.components, schemas: schemas as never } };
}

function operation(verb: string, scanned: Scanned, { notes, scopes }: Published, schemas: Schemas): Scanned {
  const { summary, description, takes = [], needs } = notes;
  const parameters = [...(scanned.parameters ?? []), ...takes.map((name) => taken(name, needs))];
  const refuses = [
    ...(scanned.requestBody || parameters.length > 0 ? ([400] as const) : []),
    ...(scopes ? ([401, 403] as const) : []),
    ...(notes.refuses ?? []),
    ...([429, 503] as const),
  ];
  return {
    ...scanned,
    summary,
    ...(description && { description }),
    parameters,
    ...(scanned.requestBody && { requestBody: { ...inItsLanguage(scanned.requestBody, verb), required: notes.body !== 'optional' } as never }),
    responses: { [notes.status ?? 200]: success(notes, schemas), ...Object.fromEntries(refuses.map((status) => [status, refusal(status)])) },
    security: scopes ? [{ signIn: [...scopes] }, { token: [...scopes] }] : [],
  };
}

/** A PATCH is a JSON Merge Patch; the scanner takes every body for JSON. */
function inItsLanguage(body: NonNullable<Scanned['requestBody']>, verb: string): object {
  if (verb !== 'patch' || !('content' in body)) return body;
  return { ...body, content: { [mergePatch]: body.content['application/json'] } };
}

function taken(name: keyof typeof takenHeaders, needed: string | undefined) {
  const { schema, required, description } = takenHeaders[name];
  return { name, in: 'header' as const, required: required || name === needed, description, schema: toJsonSchema(schema, 'input').schema };
}

function success({ answer, sends = [] }: OperationNotes, schemas: Schemas) {
  const { schema, components } = toJsonSchema(answer, 'output');
  Object.assign(schemas, components);
  const headers = Object.fromEntries(sends.map((name) => [name, { description: sentHeaders[name], schema: { type: 'string' } }]));
  return { description: 'Done.', headers, content: { 'application/json': { schema } } };
}

function refusal(status: keyof typeof refusals) {
  if (status === 304) return { description: refusals[304] };
  return { description: refusals[status], content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}
