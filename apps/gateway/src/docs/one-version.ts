import type { OpenAPIObject } from '@nestjs/swagger';
import { tagOf } from './complete.ts';

export const versions = [1, 2] as const;
export type Version = (typeof versions)[number];

const about: Record<string, string> = {
  shop: 'Where to go from here.',
  products: 'What is for sale.',
  orders: 'What somebody ordered, and what becomes of it.',
  notifications: 'What somebody was told.',
  accounts: 'Who may sign in.',
};

/**
 * As much of the whole document as one version is: its paths, and the schemas that these refer to, by the names that
 * clients use.
 */
export function oneVersion(whole: OpenAPIObject, version: Version): OpenAPIObject {
  const paths = Object.fromEntries(
    Object.entries(whole.paths).filter(([path]) => path === '/' || path.startsWith(`/v${version}/`)),
  );
  const schemas = reachable(paths, whole.components?.schemas ?? {});
  const tags = [...new Set(Object.keys(paths).map(tagOf))].map((name) => ({ name, description: about[name] ?? name }));
  const document = {
    ...whole,
    info: { ...whole.info, version: `${version}.0.0` },
    tags,
    paths,
    components: { ...whole.components, schemas },
  };
  // Only beside version 1 a schema needs a number, and an operation a controller of another name.
  return JSON.parse(
    JSON.stringify(document)
      .replaceAll(/"(#\/components\/schemas\/)?([A-Z]\w*)V2"/g, '"$1$2"')
      .replaceAll(/("operationId":"\w+)v2\./g, '$1.'),
  ) as OpenAPIObject;
}

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

function reachable(from: object, all: Schemas): Schemas {
  const found = new Set<string>();
  const look = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (found.has(name)) continue;
      found.add(name);
      look(all[name] ?? {});
    }
  };
  look(from);
  return Object.fromEntries(Object.entries(all).filter(([name]) => found.has(name)));
}
