import type { Language } from './async-api.ts';

/** Who writes and who reads each topic, as a Mermaid flowchart and a table of the types, in Markdown. */
export function topology({ topics, consumers, messages }: Language): string {
  const node = (kind: 'service' | 'topic' | 'group', name: string) => `${kind}_${name.replaceAll(/[^a-z]/g, '')}`;
  const written = [
    ...new Set(messages.map(({ source, topic }) => `  ${node('service', source)} --> ${node('topic', topic)}`)),
  ].sort();
  const read = Object.entries(consumers).flatMap(([group, from]) =>
    from.map((topic) => `  ${node('topic', topic)} --> ${node('group', group)}`),
  );
  const nodes = [
    ...[...new Set(messages.map(({ source }) => source))]
      .sort()
      .map((source) => `  ${node('service', source)}[${source.slice(1)}]`),
    ...Object.keys(topics).map((topic) => `  ${node('topic', topic)}{{${topic}}}`),
    ...Object.keys(consumers).map((group) => `  ${node('group', group)}([${group}])`),
  ];
  const rows = messages.map(({ type, kind, topic, source, summary }) => {
    return `| \`${type}\` | ${kind} | ${topic} | ${source.slice(1)} | ${readersOf(topic, consumers)} | ${summary} |`;
  });
  return [
    '# Topology',
    'Made from `libs/contracts` by `npm run generate`: services, the topics they write, and the consumers that read them.',
    '',
    '```mermaid',
    'flowchart LR',
    ...nodes,
    ...written,
    ...read,
    '```',
    '',
    '| topic | partitions | key | keeps |',
    '|---|---|---|---|',
    ...Object.entries(topics).map(
      ([name, { partitions, key, keeps }]) => `| ${name} | ${partitions} | ${key} | ${kept[keeps]} |`,
    ),
    '',
    '| type | kind | topic | from | read by | says |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const kept = {
  events: 'events: every message, for some days',
  state: 'state: the last message of each key, for ever (compacted)',
} as const;

function readersOf(topic: string, consumers: Language['consumers']): string {
  return Object.entries(consumers)
    .flatMap(([group, from]) => (from.includes(topic) ? [group] : []))
    .join(', ');
}
