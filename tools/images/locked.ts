import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './reached.ts';

/** A package as the lockfile has it. */
export interface LockedPackage {
  /** Its folder, as `node_modules/pg`. */
  path: string;
  name: string;
  version: string;
  /** As npm checks it: `sha512-…`, in base64. */
  integrity: string;
  license: string | undefined;
  /** Folders of the packages that it finds when it looks for what it depends on. */
  needs: string[];
}

/** Where programs run; what a lockfile says of Linux only is left out elsewhere. */
export interface Machine {
  os: string;
  cpu: string;
  libc: string;
}

export const thisMachine: Machine = { os: process.platform, cpu: process.arch, libc: 'glibc' };

interface Entry {
  version: string;
  integrity?: string;
  license?: string;
  link?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

const entries = () =>
  (JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Entry> }).packages;

/**
 * The packages of the lockfile that these need, all the way down, by folder. Which folder a name leads to is Node's own
 * rule. A peer that is optional counts where our own package.json asks for it. Throws when one is missing.
 */
export function lockedClosure(names: Iterable<string>, machine: Machine = thisMachine): LockedPackage[] {
  const locked = entries();
  const ours = locked['']?.dependencies ?? {};
  const found = new Map<string, LockedPackage>();
  const queue = [...names].map((name) => resolved(locked, '', name));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue;
    const { version, integrity, license, ...entry } = locked[path]!;
    if (integrity === undefined) throw new Error(`${path} has no integrity in package-lock.json.`);
    const needs = wanted(entry, ours).flatMap(({ name, optional }) => {
      const at = lookUp(locked, path!, name);
      if (at === undefined && !optional)
        throw new Error(`${path} needs ${name}, which package-lock.json does not have.`);
      return at !== undefined && fits(locked[at]!, machine) ? [at] : [];
    });
    found.set(path, { path, name: nameOf(path), version, integrity, license, needs });
    queue.push(...needs);
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function wanted(entry: Partial<Entry>, ours: Record<string, string>): { name: string; optional: boolean }[] {
  const peers = Object.keys(entry.peerDependencies ?? {}).filter(
    (name) => !entry.peerDependenciesMeta?.[name]?.optional || name in ours,
  );
  const optional = Object.keys(entry.optionalDependencies ?? {});
  const required = Object.keys(entry.dependencies ?? {}).filter((name) => !optional.includes(name));
  return [
    ...[...required, ...peers].map((name) => ({ name, optional: false })),
    ...optional.map((name) => ({ name, optional: true })),
  ];
}

function resolved(locked: Record<string, Entry>, from: string, name: string): string {
  const path = lookUp(locked, from, name);
  if (path === undefined) throw new Error(`${name} is imported, and package-lock.json does not have it.`);
  return path;
}

/** From the folder of who asks upwards, as Node looks. */
function lookUp(locked: Record<string, Entry>, from: string, name: string): string | undefined {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')))) {
    const path = place === '' ? `node_modules/${name}` : `${place}/node_modules/${name}`;
    if (locked[path] && !locked[path].link) return path;
    if (place === '') return undefined;
  }
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

const fits = ({ os, cpu, libc }: Entry, machine: Machine) =>
  (os?.includes(machine.os) ?? true) && (cpu?.includes(machine.cpu) ?? true) && (libc?.includes(machine.libc) ?? true);
