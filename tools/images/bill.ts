import type { LockedPackage } from './locked.ts';

/**
 * What is in an image beside Node and its base, as a CycloneDX 1.6 bill of materials: every package with version, hash
 * and licence as the lockfile has them. It holds no date and no random number, so the same lockfile gives the same
 * bill.
 */
export function billOf(name: string, version: string, packages: readonly LockedPackage[], direct: readonly string[]) {
  const reference = new Map(packages.map((each) => [each.path, `${each.name}@${each.version}`]));
  const unique = [...new Map(packages.map((each) => [reference.get(each.path)!, each]))].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const needs = (ref: string) =>
    packages
      .filter((each) => reference.get(each.path) === ref)
      .flatMap((each) => each.needs.map((path) => reference.get(path)!));
  const root = `${name}@${version}`;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': root, name, version } },
    components: unique.map(([ref, each]) => component(ref, each)),
    dependencies: [
      { ref: root, dependsOn: sorted(direct.map((path) => reference.get(path)!)) },
      ...unique.map(([ref]) => ({ ref, dependsOn: sorted(needs(ref)) })),
    ],
  };
}

export type Bill = ReturnType<typeof billOf>;

/** As it is kept: the same bill, the same bytes. */
export const written = (bill: Bill): string => `${JSON.stringify(bill, undefined, 2)}\n`;

const sorted = (refs: string[]) => [...new Set(refs)].sort();

function component(ref: string, { name, version, integrity, license }: LockedPackage) {
  const [algorithm, digest = ''] = integrity.split('-');
  if (algorithm !== 'sha512') throw new Error(`${ref} is locked by ${algorithm}, not by sha512.`);
  return {
    type: 'library',
    'bom-ref': ref,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
    ...(license !== undefined && {
      licenses: [/^[\w.+-]+$/.test(license) ? { license: { id: license } } : { expression: license }],
    }),
  };
}
