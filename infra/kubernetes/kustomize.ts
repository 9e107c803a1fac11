import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseAllDocuments, parse } from 'yaml';
import { jsonPatched, strategicallyMerged, type Json, type JsonObject, type Operation } from './patches.ts';

/** One object of the Kubernetes API, as a manifest says it. */
export interface Manifest extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  } & JsonObject;
}

interface Generator {
  name: string;
  behavior?: 'merge';
  envs?: string[];
  literals?: string[];
  /** Each a key by its name without folders. */
  files?: string[];
  /** Nothing to us: we write no hash into any name. */
  options?: { disableNameSuffixHash: true };
}

interface Patch {
  path?: string;
  patch?: string;
  target?: { group?: string; kind?: string; name?: string; labelSelector?: string };
}

/** What of kustomize's language our manifests use. */
interface Kustomization {
  resources?: string[];
  components?: string[];
  configMapGenerator?: Generator[];
  patches?: Patch[];
  labels?: { pairs: Record<string, string>; includeTemplates: true }[];
  transformers?: string[];
  images?: { name: string; newTag: string }[];
}

const known = [
  'apiVersion',
  'kind',
  'resources',
  'components',
  'configMapGenerator',
  'patches',
  'labels',
  'transformers',
  'images',
];

/**
 * Renders a folder as `kubectl kustomize` does, but for the hash in a generated ConfigMap's name: so that a spec can
 * look at what an overlay comes to where there is no kubectl. What it does not know of kustomize it refuses; where
 * there is kubectl, `npm run k8s:check` compares the two.
 */
export function render(folder: string): Manifest[] {
  return accumulate(folder, []);
}

function accumulate(folder: string, before: Manifest[]): Manifest[] {
  const kustomization = readKustomization(folder);
  let all = [...before, ...(kustomization.resources ?? []).flatMap((entry) => resource(join(folder, entry)))];
  for (const component of kustomization.components ?? []) all = accumulate(join(folder, component), all);
  for (const generator of kustomization.configMapGenerator ?? []) all = generated(all, generator, folder);
  for (const patch of kustomization.patches ?? []) all = patched(all, patch, folder);
  for (const { pairs } of kustomization.labels ?? []) all = all.map((manifest) => labelled(manifest, pairs));
  for (const file of kustomization.transformers ?? []) all = all.map((manifest) => inNamespace(manifest, file, folder));
  for (const image of kustomization.images ?? []) all = all.map((manifest) => tagged(manifest, image) as Manifest);
  return all;
}

function readKustomization(folder: string): Kustomization {
  const read = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization;
  const strange = Object.keys(read).filter((key) => !known.includes(key));
  if (strange.length > 0)
    throw new Error(
      `${folder}/kustomization.yaml: ${strange.join(', ')} is not rendered here; teach infra/kubernetes/kustomize.ts`,
    );
  return read;
}

function resource(path: string): Manifest[] {
  return statSync(path).isDirectory() ? render(path) : manifestsIn(path);
}

/** The objects of one file. */
export function manifestsIn(file: string): Manifest[] {
  return parseAll(readFileSync(file, 'utf8'));
}

/** The objects of one text in YAML. */
export function parseAll(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

function generated(
  all: Manifest[],
  { name, behavior, envs = [], literals = [], files = [] }: Generator,
  folder: string,
): Manifest[] {
  const lines = [...envs.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n')), ...literals].filter(
    (line) => line !== '' && !line.startsWith('#'),
  );
  const settings = lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  const data = Object.fromEntries([
    ...settings,
    ...files.map((file) => [basename(file), readFileSync(join(folder, file), 'utf8')]),
  ]);
  const there = all.find((each) => each.kind === 'ConfigMap' && each.metadata.name === name);
  if ((there === undefined) === (behavior === 'merge'))
    throw new Error(`ConfigMap ${name} of ${folder}: there ${there ? 'is one already' : 'is none to merge into'}`);
  if (there === undefined) return [...all, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }];
  return all.map((each) => (each === there ? { ...there, data: { ...(there['data'] as JsonObject), ...data } } : each));
}

function patched(all: Manifest[], { path, patch, target }: Patch, folder: string): Manifest[] {
  const content = parse(patch ?? readFileSync(join(folder, path ?? ''), 'utf8')) as Operation[] | Manifest;
  const own = Array.isArray(content) ? undefined : { kind: content.kind, name: content.metadata.name };
  const wanted = target ?? own;
  if (!wanted) throw new Error(`${folder}: a patch of operations needs a target`);
  const meant = all.filter((each) => matches(each, wanted));
  if (!target && meant.length === 0) throw new Error(`${folder}: there is no ${own?.kind} ${own?.name} to patch`);
  return all.map((each) => (meant.includes(each) ? applied(each, content) : each));
}

function applied(manifest: Manifest, content: Operation[] | Manifest): Manifest {
  if (Array.isArray(content)) return jsonPatched(manifest, content) as Manifest;
  // A patch for several names none of them: whose it is says the target.
  const { name, namespace } = manifest.metadata;
  const merged = strategicallyMerged(manifest, content) as Manifest;
  return {
    ...merged,
    kind: manifest.kind,
    metadata: { ...merged.metadata, name, ...(namespace !== undefined && { namespace }) },
  };
}

function matches({ apiVersion, kind, metadata }: Manifest, target: NonNullable<Patch['target']>): boolean {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  const [label, value] = target.labelSelector?.split('=') ?? [];
  return (
    (target.group === undefined || target.group === group) &&
    (target.kind === undefined || new RegExp(`^(${target.kind})$`).test(kind)) &&
    (target.name === undefined || new RegExp(`^(${target.name})$`).test(metadata.name)) &&
    (label === undefined || metadata.labels?.[label] === value)
  );
}

function labelled(manifest: Manifest, pairs: Record<string, string>): Manifest {
  const add = (metadata: unknown) => ({
    ...(metadata as JsonObject),
    labels: { ...(metadata as { labels?: JsonObject }).labels, ...pairs },
  });
  const spec = manifest['spec'] as { template?: { metadata?: Json } } | undefined;
  const template = spec?.template && { ...spec.template, metadata: add(spec.template.metadata ?? {}) };
  return {
    ...manifest,
    metadata: add(manifest.metadata) as Manifest['metadata'],
    ...(template && { spec: { ...spec, template } as JsonObject }),
  };
}

const clusterWide = ['Namespace', 'PriorityClass'];

function inNamespace(manifest: Manifest, file: string, folder: string): Manifest {
  const [transformer] = manifestsIn(join(folder, file));
  if (transformer?.kind !== 'NamespaceTransformer') throw new Error(`${dirname(file)}/${file} is not rendered here`);
  if (clusterWide.includes(manifest.kind) || manifest.metadata.namespace !== undefined) return manifest;
  return { ...manifest, metadata: { ...manifest.metadata, namespace: transformer.metadata.namespace ?? '' } };
}

function tagged(value: Json, image: { name: string; newTag: string }): Json {
  if (Array.isArray(value)) return value.map((each) => tagged(each, image));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === 'image' && each === image.name ? `${image.name}:${image.newTag}` : tagged(each, image),
    ]),
  );
}
