import { join, resolve } from 'node:path';
import type { ServiceName } from '../environment.ts';
import { render, type Manifest } from './kustomize.ts';

export const repository = resolve(import.meta.dirname, '../..');
export const folder = join(repository, 'k8s');
export const overlays = ['dev', 'staging', 'prod'] as const;
export const rendered = (name: (typeof overlays)[number]): Manifest[] => render(join(folder, 'overlays', name));

interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string; optional?: boolean } } | { fieldRef: { fieldPath: string } };
}

export interface Container {
  name: string;
  image: string;
  args?: string[];
  env?: EnvVar[];
  envFrom?: { configMapRef: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string; subPath?: string }[];
  securityContext: Record<string, unknown>;
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}

interface Probe {
  httpGet?: { path: string; port: string };
  periodSeconds: number;
  failureThreshold?: number;
}

export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext: Record<string, unknown>;
  containers: Container[];
  volumes?: { name: string; configMap?: { name: string } }[];
}

interface ExternalSecret {
  spec: { data: { secretKey: string }[]; target?: { template?: { data?: Record<string, string> } } };
}

/** One overlay as it is applied. */
export class Overlay {
  readonly manifests: readonly Manifest[];

  constructor(name: string) {
    this.manifests = render(join(folder, 'overlays', name));
  }

  all<T = Manifest>(kind: string): (T & Manifest)[] {
    return this.manifests.filter((each) => each.kind === kind) as (T & Manifest)[];
  }

  find<T = Manifest>(kind: string, name: string): (T & Manifest) | undefined {
    return this.all<T>(kind).find(({ metadata }) => metadata.name === name);
  }

  get<T = Manifest>(kind: string, name: string): T & Manifest {
    const found = this.find<T>(kind, name);
    if (!found) throw new Error(`There is no ${kind} ${name}.`);
    return found;
  }

  /** The pods of our own making, by the name of who makes them. */
  pods(): [name: string, pod: PodSpec][] {
    const templates = ['Deployment', 'Job'].flatMap((kind) =>
      this.all<{ spec: { template: { spec: PodSpec } } }>(kind),
    );
    return templates.map(({ kind, metadata, spec }) => [`${kind} ${metadata.name}`, spec.template.spec]);
  }

  pod(service: ServiceName): PodSpec {
    return this.get<{ spec: { template: { spec: PodSpec } } }>('Deployment', service).spec.template.spec;
  }

  container(service: ServiceName): Container {
    return this.pod(service).containers.find(({ name }) => name === 'service')!;
  }

  /**
   * What its process will find in its environment; a secret's value as the template that makes it, or as the name of
   * the key; a field of the pod as its path.
   */
  environment(service: ServiceName): Record<string, string> {
    const { envFrom = [], env = [] } = this.container(service);
    const settings = envFrom.map(
      ({ configMapRef: { name } }) => this.get<{ data: Record<string, string> }>('ConfigMap', name).data,
    );
    const own = env.flatMap(({ name, value, valueFrom }) => {
      const given = valueFrom ? this.given(valueFrom) : value;
      return given === undefined ? [] : [[name, given] as const];
    });
    return { ...Object.assign({}, ...settings), ...Object.fromEntries(own) };
  }

  /** Nothing where an optional key is fetched by nobody. */
  private given(from: NonNullable<EnvVar['valueFrom']>): string | undefined {
    return 'fieldRef' in from ? from.fieldRef.fieldPath : this.secret(from.secretKeyRef);
  }

  /** Throws unless something fetches that key of that Secret, or it may be missing. */
  private secret({ name, key, optional }: { name: string; key: string; optional?: boolean }): string | undefined {
    const { data, target } = this.get<ExternalSecret>('ExternalSecret', name).spec;
    const made = target?.template?.data;
    const value = made ? made[key] : data.find(({ secretKey }) => secretKey === key)?.secretKey;
    if (value === undefined && !optional) throw new Error(`ExternalSecret ${name} has no ${key}.`);
    return value;
  }
}
