/** What `npm run k8s:check` does: tools/run.mjs prepares the tree and comes here. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { findApiServer, type ApiServer } from './api-server.ts';
import { parseAll, render, type Manifest } from './kustomize.ts';
import { folder, Overlay, overlays, repository } from './overlay.ts';
import { seeds } from './seeds.ts';
import { linesOf, reportOutcomes, tallyOf, type Outcome } from '../test-report.ts';

const usage = `npm run k8s:check

Has the manifests in k8s/ tried by a real API server that has the operators' definitions, keeping nothing: every overlay, every component on its own,
and mistakes made on purpose, which it has to refuse. The server: of a kit (KIT_DIR, ../shared by default), else the cluster of KUBECONFIG, which
then must have the namespaces shop and istio-ingress. Without either only what specs can see is checked: npx vitest --project unit infra/kubernetes
`;

/** What a component builds upon, where that is more than the base. */
const upon: Readonly<Record<string, readonly string[]>> = {
  migrations: ['secrets', 'postgres'],
  'kafka-access': ['kafka', 'istio'],
  keda: ['kafka', 'istio', 'kafka-access'],
  canary: ['istio', 'hpa', 'prometheus'],
};

class Check {
  readonly outcomes: Outcome[] = [];
  /** Objects that were accepted already, by their text. */
  private readonly accepted = new Set<string>();

  constructor(private readonly server: ApiServer) {}

  async all(): Promise<void> {
    for (const name of overlays) await this.overlay(name);
    for (const name of readdirSync(join(folder, 'components')).sort()) await this.component(name);
    await this.mistakes();
  }

  /** Also that our own renderer, on which the specs look at the manifests, says what kubectl says. */
  private async overlay(name: string): Promise<void> {
    const path = join(folder, 'overlays', name);
    const manifests = await this.rendered(path);
    this.note(`overlay ${name}: rendered here as by kubectl`, differences(manifests, render(path)));
    await this.accepts(`overlay ${name}`, manifests);
  }

  private async component(name: string): Promise<void> {
    mkdirSync(join(repository, '.cache'), { recursive: true });
    const place = mkdtempSync(join(repository, '.cache/k8s-'));
    try {
      const to = (...parts: string[]) => relative(place, join(folder, ...parts));
      const components = [...(upon[name] ?? []), name].map((each) => to('components', each));
      writeFileSync(
        join(place, 'kustomization.yaml'),
        stringify({ kind: 'Kustomization', resources: [to('base')], components }),
      );
      await this.accepts(`component ${name}`, await this.rendered(place));
    } finally {
      rmSync(place, { recursive: true });
    }
  }

  private async mistakes(): Promise<void> {
    const made = seeds(new Overlay('prod'));
    const { refused } = await this.server.tries(yaml(made.map(({ manifest }) => manifest)));
    for (const { mistake, manifest, says } of made) {
      const said = refused.find(
        (each) => each.includes(`${manifest.kind} `) && each.includes(`${manifest.metadata.name} `),
      );
      this.note(
        `refused: ${mistake}`,
        said && says.test(said) ? [] : [said ?? `${manifest.kind} ${manifest.metadata.name} is accepted`],
      );
    }
  }

  private async rendered(path: string): Promise<Manifest[]> {
    return parseAll(await this.server.kustomize(path));
  }

  private async accepts(what: string, manifests: Manifest[]): Promise<void> {
    const fresh = manifests.filter((each) => !this.accepted.has(JSON.stringify(each)));
    const { objects, refused } = fresh.length > 0 ? await this.server.tries(yaml(fresh)) : { objects: 0, refused: [] };
    for (const each of fresh) this.accepted.add(JSON.stringify(each));
    const unheard = objects === fresh.length ? [] : [`${fresh.length} objects were given, ${objects} were looked at`];
    this.note(`${what}: ${manifests.length} objects`, [...refused, ...unheard]);
  }

  private note(test: string, faults: readonly string[]): void {
    const outcome = { test, faults };
    for (const line of linesOf(outcome)) console.log(line);
    this.outcomes.push(outcome);
  }
}

const yaml = (manifests: readonly Manifest[]) => manifests.map((each) => JSON.stringify(each)).join('\n---\n');

/** Names of generated ConfigMaps end in a hash of what is in them, which ours do not. */
function differences(real: readonly Manifest[], own: readonly Manifest[]): string[] {
  const generated = own.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
  const hashed = new RegExp(`"(${generated.join('|')})-[bcdfghkmt2456789]{10}"`, 'g');
  const plain = real.map((each) => JSON.parse(JSON.stringify(each).replace(hashed, '"$1"')) as Manifest);
  const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  const ours = new Map(own.map((each) => [nameOf(each), each]));
  const other = plain
    .filter((each) => !isDeepStrictEqual(each, JSON.parse(JSON.stringify(ours.get(nameOf(each)) ?? {}))))
    .map(nameOf);
  return [...other, ...(plain.length === own.length ? [] : [`${plain.length} objects, here ${own.length}`])];
}

async function main(): Promise<number> {
  const server = await findApiServer();
  if (typeof server === 'string') {
    for (const name of overlays)
      console.log(`  parsed  overlay ${name}: ${render(join(folder, 'overlays', name)).length} objects`);
    console.log(
      `  skipped: ${server}. Only parsed and composed here; what specs see of it, they check: no API server has seen the manifests.`,
    );
    return reportOutcomes([], [{ test: 'manifests against an API server', reason: server }]);
  }
  console.log(`  against ${server.what}`);
  const check = new Check(server);
  try {
    await check.all();
  } finally {
    await server.close();
  }
  console.log(tallyOf(check.outcomes));
  return reportOutcomes(check.outcomes);
}

if (process.argv.includes('--help')) process.stdout.write(usage);
else process.exitCode = await main();
