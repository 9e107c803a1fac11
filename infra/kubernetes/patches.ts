export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** One step of a JSON patch (RFC 6902). */
export interface Operation {
  op: 'add' | 'replace' | 'remove';
  path: string;
  value?: Json;
}

/** By what the API tells the elements of its lists apart, where it merges them; every other list is replaced. */
const keys: Readonly<Record<string, string>> = {
  containers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Kubernetes' own way to merge: objects by key, the lists above by their elements' key, `null` deletes. */
export function strategicallyMerged(value: Json | undefined, patch: Json, field = ''): Json {
  if (isObject(patch)) {
    const merged: JsonObject = isObject(value) ? { ...value } : {};
    for (const [key, change] of Object.entries(patch)) {
      if (change === null) delete merged[key];
      else merged[key] = strategicallyMerged(merged[key], change, key);
    }
    return merged;
  }
  const by = keys[field];
  if (
    Array.isArray(patch) &&
    Array.isArray(value) &&
    by !== undefined &&
    patch.every((each) => isObject(each) && by in each)
  )
    return mergedLists(value as JsonObject[], patch as JsonObject[], by);
  return patch;
}

function mergedLists(list: JsonObject[], changes: JsonObject[], by: string): Json[] {
  const changed = list.map((each) => {
    const change = changes.find((candidate) => candidate[by] === each[by]);
    return change ? strategicallyMerged(each, change) : each;
  });
  return [...changes.filter((change) => !list.some((each) => each[by] === change[by])), ...changed];
}

/** RFC 6902's add, replace and remove. Throws where there is nothing to replace or to remove. */
export function jsonPatched(value: Json, operations: readonly Operation[]): Json {
  const copy = structuredClone(value);
  for (const operation of operations) step(copy, operation);
  return copy;
}

function step(document: Json, { op, path, value }: Operation): void {
  const segments = path
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = segments.pop() ?? '';
  const parent = segments.reduce<Json | undefined>(
    (at, segment) => (at as JsonObject | undefined)?.[segment],
    document,
  ) as JsonObject | Json[] | undefined;
  if (!parent || (op !== 'add' && !(last in parent))) throw new Error(`There is nothing at ${path} to ${op}`);
  const content = value ?? null;
  if (Array.isArray(parent))
    parent.splice(
      last === '-' ? parent.length : Number(last),
      op === 'add' ? 0 : 1,
      ...(op === 'remove' ? [] : [content]),
    );
  else if (op === 'remove') delete parent[last];
  else parent[last] = content;
}
