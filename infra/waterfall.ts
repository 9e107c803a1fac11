/** A span as it is drawn; times in microseconds. */
export interface TracedSpan {
  readonly id: string;
  readonly parentId?: string | undefined;
  readonly service: string;
  readonly name: string;
  readonly since: number;
  readonly duration: number;
  readonly failed: boolean;
}

const SERVICE = 14;
const NAME = 46;
const TIME = 10;

/**
 * Draws a trace: a line for each span, below what caused it, with a bar where it lay in the whole. `width` in columns.
 */
export function waterfall(spans: readonly TracedSpan[], { width }: { width: number }): string[] {
  const since = Math.min(...spans.map((span) => span.since));
  const until = Math.max(...spans.map((span) => span.since + span.duration));
  const room = Math.max(10, width - SERVICE - NAME - 2 * TIME - 4);
  const column = (time: number) => Math.round(((time - since) / Math.max(1, until - since)) * room);
  const services = new Set(spans.map(({ service }) => service));
  return [
    `${milliseconds(until - since)} · ${spans.length} spans · ${services.size} services: ${[...services].sort().join(', ')}`,
    '',
    ...inOrder(spans).map(({ span, depth }) => {
      const [from, to] = [column(span.since), column(span.since + span.duration)];
      const bar = ' '.repeat(from) + (span.failed ? '!' : '█').repeat(Math.max(1, to - from));
      const name = `${'  '.repeat(Math.min(depth, 9))}${span.name}`;
      const times = `${milliseconds(span.since - since).padStart(TIME)}${milliseconds(span.duration).padStart(TIME)}`;
      return `${fit(span.service, SERVICE)} ${fit(name, NAME)} ${times}  ${bar}`.trimEnd();
    }),
  ];
}

/** Each span after its parent, the earlier of its children first; whose parent is not there is a root. */
function inOrder(spans: readonly TracedSpan[]): { span: TracedSpan; depth: number }[] {
  const known = new Set(spans.map(({ id }) => id));
  const below = Map.groupBy(spans, ({ parentId }) => (parentId !== undefined && known.has(parentId) ? parentId : ''));
  const from = (parent: string, depth: number): { span: TracedSpan; depth: number }[] =>
    (below.get(parent) ?? [])
      .toSorted((one, other) => one.since - other.since)
      .flatMap((span) => [{ span, depth }, ...from(span.id, depth + 1)]);
  return from('', 0);
}

const fit = (text: string, length: number) =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text.padEnd(length);

const milliseconds = (microseconds: number) => `${(microseconds / 1_000).toFixed(1)} ms`;
