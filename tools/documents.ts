import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  apiChanges,
  asyncApi,
  breakingChanges,
  language,
  messageSchema,
  topology,
  type AsyncApi,
  type CloudEvent,
  type OpenApiDocument,
} from '@shop/contracts';
import { objectiveDocuments } from '@shop/infra/objective-documents';
import { graphLimits, graphSchema } from '@shop/infra/graph-schema';
import { gatewayOpenApi } from '@shop/infra/open-api';
import { topicManifest } from '@shop/infra/topics';
import { apiTop10 } from './api-top-10.ts';
import { asvsPage, requirements } from './asvs.ts';
import { benchmarksPage } from './benchmarks-page.ts';
import { brokersPage } from './brokers-page.ts';
import { risksPage } from './named-tests.ts';
import { graphChanges } from './graph-changes.ts';

/** Files that are made and committed, by their path in the tree. */
export type Documents = ReadonlyMap<string, string>;

const asyncApiFile = 'libs/contracts/generated/asyncapi.json';
const graphFile = 'apps/gateway/generated/schema.graphql';
/** The gateway's description of one version of its API. */
const apiFile = (version: number) => `apps/gateway/generated/openapi.v${version}.json`;
const pages = [
  'docs/topology.md',
  'docs/benchmarks.md',
  'docs/brokers.md',
  'docs/objectives.md',
  'docs/security/api-top-10.md',
  'docs/security/asvs.md',
  'k8s/components/kafka/topics.yaml',
];
const made = [
  'libs/contracts/generated/**/*.json',
  'apps/gateway/generated/*.json',
  ...pages,
  'infra/observability/{rules.yml,dashboards/*.json}',
];
/** A page that people write, but for what stands between its marks. */
const graphPage = 'docs/graphql.md';
const marks = [
  '<!-- limits: made by "npm run generate" of apps/gateway/src/graph/documents/limits.ts -->',
  '<!-- /limits -->',
] as const;
const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

/** The documents as the code now says they should be. */
export async function documents(root: string): Promise<Documents> {
  const spoken = language();
  const note = '<!-- Made by "npm run generate": edit libs/contracts instead. -->\n';
  return new Map([
    [asyncApiFile, json(asyncApi(spoken, examples(root)))],
    ...spoken.messages.map((contract): [string, string] => [
      `libs/contracts/generated/schemas/${contract.type}.json`,
      json(messageSchema(contract)),
    ]),
    ...(await gatewayOpenApi()).map((document, index): [string, string] => [apiFile(index + 1), json(document)]),
    [
      'docs/benchmarks.md',
      '<!-- Made by "npm run generate" from load-tests/results: measure instead (npm run bench). -->\n' +
        benchmarksPage(root),
    ],
    [graphFile, await graphSchema()],
    [graphPage, between(marks, read(root, graphPage) ?? marks.join('\n'), graphLimits())],
    ['docs/topology.md', note + topology(spoken)],
    ['k8s/components/kafka/topics.yaml', topicManifest()],
    [
      'docs/brokers.md',
      '<!-- Made by "npm run generate": edit libs/eventing/src/bus-traits.ts instead. -->\n' + brokersPage(),
    ],
    [
      'docs/security/api-top-10.md',
      '<!-- Made by "npm run generate": edit tools/api-top-10.ts instead. -->\n' + risksPage(apiTop10),
    ],
    [
      'docs/security/asvs.md',
      '<!-- Made by "npm run generate": edit docs/security/asvs.csv instead. -->\n' +
        asvsPage(read(root, 'docs/security/asvs.csv') === undefined ? [] : requirements(root)),
    ],
    ...objectiveDocuments(),
  ]);
}

function between([begin, end]: readonly [string, string], page: string, made: string): string {
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`A page has lost its marks: ${begin} … ${end}`);
  return `${before}${begin}\n${made}\n${end}${after}`;
}

/** One recorded message of each type. */
function examples(root: string): Map<string, CloudEvent> {
  const files = globSync('libs/contracts/golden/*.json', { cwd: root }).sort();
  return new Map(
    files
      .map((file) => JSON.parse(readFileSync(join(root, file), 'utf8')) as CloudEvent)
      .map((message) => [message.type, message]),
  );
}

/** What would break for those who read messages, call the API or ask the graph, by the committed documents. */
export function broken(root: string, wanted: Documents): string[] {
  const compare = <D>(file: string, changes: (before: D, after: D) => string[]) => {
    const [before, after] = [read(root, file), wanted.get(file)];
    const parse = (text: string) => (file.endsWith('.json') ? JSON.parse(text) : text) as D;
    return before === undefined || after === undefined ? [] : changes(parse(before), parse(after));
  };
  return [
    ...compare<AsyncApi>(asyncApiFile, breakingChanges),
    ...[1, 2].flatMap((version) => compare<OpenApiDocument>(apiFile(version), apiChanges)),
    ...compare(graphFile, graphChanges),
  ];
}

/** Files that are not as they should be: other, missing, or left from something that is gone. */
export function stale(root: string, wanted: Documents): string[] {
  const other = [...wanted].flatMap(([file, text]) => (read(root, file) === text ? [] : [file]));
  const left = globSync(made, { cwd: root }).filter((file) => !wanted.has(file));
  return [...other, ...left];
}

/** Makes the files what they should be. */
export function write(root: string, wanted: Documents): void {
  for (const file of stale(root, wanted)) {
    const text = wanted.get(file);
    if (text === undefined) rmSync(join(root, file));
    else {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
  }
}

function read(root: string, file: string): string | undefined {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return undefined;
  }
}
