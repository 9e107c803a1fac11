import { isDeepStrictEqual } from 'node:util';
import type { JsonSchema } from './message-schema.ts';

/**
 * One way in which two versions of a schema do not understand each other; `pointer` leads into the message, `*`
 * standing for any item.
 */
export interface SchemaChange {
  readonly pointer: string;
  readonly what: string;
  /** Whom it breaks: those who read what is said now, those who said it before, or both. */
  readonly breaks: 'readers' | 'writers' | 'both';
}

/** Keywords that say nothing about what is valid, and those that are compared field by field. */
const annotations = ['$schema', '$id', 'title', 'description', 'examples', 'default', 'deprecated'];
const passedOver: ReadonlySet<string> = new Set([...annotations, 'properties', 'required', 'items']);

/**
 * What breaks between two versions. Every reader validates, old messages stay on topics and old readers run beside new
 * ones during a deployment, so both ways count: what new readers refuse of old messages (narrower) and what old readers
 * refuse of new ones (wider). A new optional field breaks neither.
 */
export function schemaChanges(before: JsonSchema, after: JsonSchema, pointer = ''): SchemaChange[] {
  if (!isDeepStrictEqual(before['type'], after['type']))
    return [{ pointer, what: `is of type ${text(after['type'])} instead of ${text(before['type'])}`, breaks: 'both' }];
  return [
    ...ruleChanges(before, after, pointer),
    ...fieldChanges(before, after, pointer),
    ...itemChanges(before, after, pointer),
  ];
}

function itemChanges({ items: before }: JsonSchema, { items: after }: JsonSchema, pointer: string): SchemaChange[] {
  if (isSchema(before) && isSchema(after)) return schemaChanges(before, after, `${pointer}/*`);
  return isDeepStrictEqual(before, after) ? [] : [{ pointer, what: 'has other items than before', breaks: 'both' }];
}

function fieldChanges(before: JsonSchema, after: JsonSchema, pointer: string): SchemaChange[] {
  const [was, is] = [fields(before), fields(after)];
  const [needed, needs] = [required(before), required(after)];
  const changes: SchemaChange[] = [];
  for (const [name, schema] of Object.entries(was)) {
    const at = `${pointer}/${escape(name)}`;
    const now = is[name];
    if (!now)
      changes.push({
        pointer: at,
        what: `is gone${renamed(schema, was, is)}: readers that run already ask for it`,
        breaks: 'both',
      });
    else {
      changes.push(...schemaChanges(schema, now, at));
      if (needed.has(name) && !needs.has(name))
        changes.push({
          pointer: at,
          what: 'may be absent now: readers that run already require it',
          breaks: 'readers',
        });
    }
  }
  for (const name of needs) {
    if (!needed.has(name))
      changes.push({
        pointer: `${pointer}/${escape(name)}`,
        what: 'is required now: messages sent before do not have it',
        breaks: 'writers',
      });
  }
  return changes;
}

/** A field that came while another of the same shape went is most likely that one. */
function renamed(gone: JsonSchema, was: Record<string, JsonSchema>, is: Record<string, JsonSchema>): string {
  const candidate = Object.entries(is).find(([name, schema]) => !(name in was) && isDeepStrictEqual(schema, gone));
  return candidate ? ` (renamed to "${candidate[0]}"?)` : '';
}

function ruleChanges(before: JsonSchema, after: JsonSchema, pointer: string): SchemaChange[] {
  const keywords = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keywords]
    .filter((keyword) => !passedOver.has(keyword))
    .flatMap((keyword) => {
      const [was, is] = [before[keyword], after[keyword]];
      return isDeepStrictEqual(was, is) ? [] : difference(keyword, was, is).map((change) => ({ pointer, ...change }));
    });
}

const NARROWER = 'messages sent before would be refused';
const WIDER = 'readers that run already would refuse what is new';

function difference(keyword: string, was: unknown, is: unknown): Omit<SchemaChange, 'pointer'>[] {
  if (Array.isArray(was) && Array.isArray(is) && keyword === 'enum') {
    const [gone, come] = [was.filter((value) => !is.includes(value)), is.filter((value) => !was.includes(value))];
    return [
      ...(gone.length > 0
        ? [{ what: `no longer allows ${gone.map(text).join(', ')}: ${NARROWER}`, breaks: 'writers' as const }]
        : []),
      ...(come.length > 0
        ? [{ what: `also allows ${come.map(text).join(', ')}: ${WIDER}`, breaks: 'readers' as const }]
        : []),
    ];
  }
  const bound = /^(exclusiveM|m)(in|ax)/.exec(keyword)?.[2];
  if (bound === undefined) return [{ what: `has ${keyword} ${text(is)} instead of ${text(was)}`, breaks: 'both' }];
  const none = bound === 'in' ? -Infinity : Infinity;
  const rises = Number(is ?? none) > Number(was ?? none);
  const narrower = (bound === 'in') === rises;
  return [
    {
      what: `has ${keyword} ${text(is)} instead of ${text(was)}: ${narrower ? NARROWER : WIDER}`,
      breaks: narrower ? 'writers' : 'readers',
    },
  ];
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const fields = (schema: JsonSchema) => (schema['properties'] ?? {}) as Record<string, JsonSchema>;
const required = (schema: JsonSchema) => new Set((schema['required'] ?? []) as string[]);
const escape = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');
const text = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value));
