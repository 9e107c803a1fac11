import type { JsonSchema } from './message-schema.ts';
import { schemaChanges, type SchemaChange } from './schema-changes.ts';

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: JsonSchema;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

/** As much of an OpenAPI document as clients depend on. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, JsonSchema>> };
}

/**
 * What would break clients who use one version of the API as `before` describes it, if `after` took its place: one
 * sentence each. What clients send must stay allowed, what they are answered must stay as they know it. What has to
 * break belongs in the next version.
 */
export function apiChanges(before: OpenApiDocument, after: OpenApiDocument): string[] {
  return Object.entries(before.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([verb, was]) => {
      const name = `${verb.toUpperCase()} ${path}`;
      const now = after.paths[path]?.[verb];
      if (!now) return [`${name} is gone: clients call it.`];
      const whole = (document: OpenApiDocument) => (schema: JsonSchema) => inFull(schema, document);
      const look = { was: whole(before), is: whole(after) };
      return [
        ...accessChanges(was, now),
        ...parameterChanges(was, now, look),
        ...bodyChanges(was, now, look),
        ...answerChanges(was, now, look),
      ].map((change) => `${name} ${change}.`);
    }),
  );
}

interface Look {
  readonly was: (schema: JsonSchema) => JsonSchema;
  readonly is: (schema: JsonSchema) => JsonSchema;
}

function accessChanges({ security: before = [] }: Operation, { security: after = [] }: Operation): string[] {
  if (before.length === 0 && after.length > 0) return ['needs a token now'];
  const known = new Set(before.flatMap((way) => Object.values(way).flat()));
  const more = new Set(after.flatMap((way) => Object.values(way).flat()).filter((scope) => !known.has(scope)));
  return more.size > 0 ? [`needs the scope ${[...more].join(' ')} now`] : [];
}

function parameterChanges(
  { parameters: before = [] }: Operation,
  { parameters: after = [] }: Operation,
  look: Look,
): string[] {
  const same = (a: Parameter) => (b: Parameter) => a.name.toLowerCase() === b.name.toLowerCase() && a.in === b.in;
  const gone = before
    .filter((one) => !after.some(same(one)))
    .map(({ name }) => `no longer takes ${name}: clients send it`);
  const needed = after
    .filter(({ required }) => required)
    .filter((one) => !before.find(same(one))?.required)
    .map(({ name }) => `needs ${name} now: clients do not send it`);
  const narrower = before.flatMap((one) => {
    const now = after.find(same(one));
    return now ? sentences(one.name, schemaChanges(look.was(one.schema), look.is(now.schema)), 'readers') : [];
  });
  return [...gone, ...needed, ...narrower];
}

function bodyChanges({ requestBody: before }: Operation, { requestBody: after }: Operation, look: Look): string[] {
  if (!after) return before ? ['no longer takes a body: clients send one'] : [];
  if (!before) return after.required ? ['needs a body now: clients send none'] : [];
  return [
    ...(after.required && !before.required ? ['needs a body now: clients may send none'] : []),
    ...contentChanges('takes', before.content, after.content, (was, is) =>
      sentences('', schemaChanges(look.was(was), look.is(is)), 'readers'),
    ),
  ];
}

function answerChanges({ responses: before }: Operation, { responses: after }: Operation, look: Look): string[] {
  return Object.entries(before).flatMap(([status, { content: was = {} }]) => {
    if (Number(status) >= 300) return [];
    const now = after[status];
    if (!now) return [`no longer answers ${status}`];
    return contentChanges('answers with', was, now.content ?? {}, (one, other) =>
      sentences(status, schemaChanges(look.was(one), look.is(other)), 'writers'),
    );
  });
}

function contentChanges(
  what: string,
  before: Content,
  after: Content,
  compare: (was: JsonSchema, is: JsonSchema) => string[],
): string[] {
  return Object.entries(before).flatMap(([type, { schema }]) => {
    const now = after[type];
    return now ? compare(schema, now.schema) : [`no longer ${what} ${type}`];
  });
}

/** The changes of one schema that are not only some other party's concern. */
function sentences(at: string, changes: readonly SchemaChange[], notOurs: 'readers' | 'writers'): string[] {
  const text = (what: string) =>
    what
      .replace('messages sent before', 'requests as they are sent now')
      .replace('readers that run already', 'clients');
  return changes
    .filter(({ breaks }) => breaks !== notOurs)
    .map(({ pointer, what }) => `${at}${pointer} ${text(what)}`.trim());
}

/** A schema with what it refers to put in its place; schemas of this API do not refer to themselves. */
function inFull(schema: JsonSchema, document: OpenApiDocument): JsonSchema {
  const fill = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(fill);
    if (typeof part !== 'object' || part === null) return part;
    const name = '$ref' in part ? String(part.$ref).split('/').at(-1) : undefined;
    if (name !== undefined) return fill(document.components?.schemas?.[name] ?? {});
    return Object.fromEntries(Object.entries(part).map(([keyword, value]) => [keyword, fill(value)]));
  };
  return fill(schema) as JsonSchema;
}
