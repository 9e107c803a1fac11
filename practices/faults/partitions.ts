import { setTimeout as sleep } from 'node:timers/promises';
import { orderCancelled, orderConfirmed, type ConsumerName, type Topic } from '@shop/contracts';
import type { ServiceName } from '@shop/infra/environment';
import { eventsCommand } from '@shop/infra/events';
import { freePorts } from '@shop/infra/ports';
import { inOrder, waysOf } from '../checker/deliveries.ts';
import type { Published } from '../checker/evidence.ts';
import { dumpTopics } from '../checker/topic-dump.ts';
import type { Fault, Findings, Trial } from './fault.ts';
import { during, LATE_MS, timesOf } from './phases.ts';
import type { Site } from './site.ts';

/** Which topics the operator's command gives more partitions, which one somebody else, and how many more. */
const byCommand = ['orders.events', 'payments.commands'] as const satisfies Topic[];
const behindItsBack = 'catalog.stock' satisfies Topic;
const MORE = 3;
/** Whose gauges tell of `behindItsBack`: who writes there, and who reads. */
const concerned = ['catalog', 'orders'] as const satisfies ServiceName[];

/** Whose messages are deleted, and who has to have read them: nothing else reads that topic. */
const deleted = {
  topic: 'orders.events',
  unreadBy: 'notifications.mail',
  readBy: 'orders.list',
  service: 'notifications',
} as const satisfies { topic: Topic; unreadBy: ConsumerName; readBy: ConsumerName; service: ServiceName };

/** How long orders flow beside each change, and while nobody reads. */
const [BESIDE_MS, UNREAD_MS] = [
  { quick: 12_000, full: 40_000 },
  { quick: 8_000, full: 30_000 },
];
/** An alarm that has not come by then does not come; it looks every ten seconds. */
const ALARM_WITHIN_MS = 60_000;
/** How long it is watched that a loss is not told again. */
const ONCE_MS = 10_000;
/** A reader that says it is current is compared a minute later, and what it lacks is sent again. */
const MENDED_WITHIN_MS = 180_000;
/** So long may a key be unread. */
const KEY_WITHIN_MS = 60_000;

export const partitionsAdded: Fault = {
  id: 'F23',
  title: 'partitions are added, by the command and behind its back, and what a group has not read is deleted',
  bounds: { stalenessMs: 300_000 },
  async strike(trial): Promise<Findings> {
    const { site } = trial;
    const measured = new Map<ServiceName, Measured>();
    for (const service of [...concerned, deleted.service]) measured.set(service, await Measured.of(service));
    try {
      for (const service of concerned) await measured.get(service)?.restart(site);
      const findings = [
        await addedByCommand(trial),
        await addedBehindItsBack(
          trial,
          concerned.flatMap((service) => measured.get(service) ?? []),
        ),
        await deletedUnread(trial, measured.get(deleted.service)!),
      ];
      return {
        figures: Object.assign({}, ...findings.map(({ figures }) => figures)) as Record<string, number>,
        broken: findings.flatMap(({ broken }) => broken),
      };
    } finally {
      for (const service of measured.keys()) for (const instance of [1, 2]) await site.shop.restart(service, instance);
    }
  },
  judge: ({ evidence }) => {
    const gone = new Set(evidence.deleted.map(({ event }) => event?.id));
    const late = waysOf(evidence).filter(
      ({ consumer, message: { topic, event }, ms }) =>
        ms > KEY_WITHIN_MS && evidence.counts[topic] && !(consumer === deleted.unreadBy && gone.has(event.id)),
    );
    const unread = [...new Set(late.map(({ consumer, message: { key } }) => `${key} at ${consumer}`))];
    const inversions = inOrder(evidence).filter(({ what }) => /inverted|after a later one/.test(what));
    const added = Object.entries(evidence.counts).map(([topic, counts = []]) => ({
      topic,
      messages: evidence.published.filter((one) => one.topic === topic && one.partition >= (counts[0] ?? 0)).length,
    }));
    return {
      figures: {
        'messages on added partitions': added.reduce((sum, { messages }) => sum + messages, 0),
        [`keys unread for more than ${KEY_WITHIN_MS / 1_000} s`]: unread.length,
        inversions: inversions.length,
      },
      broken: [
        ...unread.slice(0, 5).map((one) => `key ${one} was unread for more than ${KEY_WITHIN_MS / 1_000} s`),
        ...added
          .filter(({ messages }) => messages === 0)
          .map(({ topic }) => `nothing lies on the added partitions of ${topic}: nothing can be told of them`),
      ],
    };
  },
};

const of = (ms: { quick: number; full: number }, quick: boolean) => (quick ? ms.quick : ms.full);

async function addedByCommand({ site, quick, say }: Trial): Promise<Findings> {
  const began = performance.now();
  let slowestMs = 0;
  for (const topic of byCommand) {
    const count = site.countOf(topic) + MORE;
    await site.accident(`${topic} gets ${count} partitions by the command`, async () => {
      const since = performance.now();
      await partitionsCommand(site, topic, count, say);
      slowestMs = Math.max(slowestMs, performance.now() - since);
      return true;
    });
    noteCount(site, topic, count);
    await sleep(of(BESIDE_MS, quick));
  }
  say(`${byCommand.join(' and ')} have ${MORE} more each (${((performance.now() - began) / 1_000).toFixed(0)} s)`);
  return { figures: { 'a change by the command took at most (ms)': Math.round(slowestMs) }, broken: [] };
}

/** What an operator would do without the command, and then with it, so that the deployment agrees again. */
async function addedBehindItsBack({ site, quick, say }: Trial, measured: readonly Measured[]): Promise<Findings> {
  const count = site.countOf(behindItsBack) + MORE;
  let [toldMs, overMs]: (number | undefined)[] = [undefined, undefined];
  const phase = await during(site, async () => {
    await site.accident(`${behindItsBack} gets ${count} partitions, and nobody is told`, () =>
      site.admin.createPartitions({ topicPartitions: [{ topic: behindItsBack, count }] }),
    );
    noteCount(site, behindItsBack, count);
    toldMs = await until(ALARM_WITHIN_MS, () => everyGauge(measured, (topics) => topics > 0));
    await sleep(of(BESIDE_MS, quick));
    await partitionsCommand(site, behindItsBack, count, say);
    overMs = await until(ALARM_WITHIN_MS, () => everyGauge(measured, (topics) => topics === 0));
  });
  await sleep(LATE_MS);
  const meanwhile = await timesOf(site, phase);
  say(
    `${behindItsBack} has ${count} partitions: the alarm came after ${toldMs} ms, and ended ${overMs} ms after it was agreed on`,
  );
  return {
    figures: {
      'behind its back: alarm after (ms)': toldMs ?? ALARM_WITHIN_MS,
      'behind its back: alarm over, once it is agreed on (ms)': overMs ?? ALARM_WITHIN_MS,
      'behind its back: orders meanwhile': meanwhile.count,
      'behind its back: half of them end within (ms)': meanwhile.p50,
      [`behind its back: later than ${LATE_MS} ms`]: meanwhile.late,
    },
    broken: [
      ...(toldMs === undefined ? [`${behindItsBack} has other partitions than agreed on, and no gauge tells`] : []),
      ...(overMs === undefined
        ? [`${behindItsBack} has as many partitions as agreed on, and a gauge tells otherwise`]
        : []),
    ],
  };
}

/** Retention passes over a group that stands still: the same as what a broker does when the time is up. */
async function deletedUnread({ site, quick, say }: Trial, measured: Measured): Promise<Findings> {
  const { topic, unreadBy, readBy, service } = deleted;
  let gone: Gone = { upTo: [], unread: 0 };
  let unreadEnds: string[] = [];
  for (const instance of [1, 2]) await site.shop.halt(service, instance);
  await sleep(of(UNREAD_MS, quick));
  await site.accident(`what ${unreadBy} has not read is deleted from ${topic}`, async () => {
    const [bounds, unreads, reads] = await Promise.all([
      site.admin.fetchTopicOffsets(topic),
      committedBy(site, unreadBy, topic),
      committedBy(site, readBy, topic),
    ]);
    const low = new Map(bounds.map((one) => [one.partition, Number(one.low)]));
    gone = goneOf(low, unreads, reads);
    const upTo = new Map(gone.upTo.map(({ partition, offset }) => [partition, offset]));
    const before = (await dumpTopics(site.shop.brokers ?? '')).filter(
      (one) => one.topic === topic && one.offset < (upTo.get(one.partition) ?? 0),
    );
    unreadEnds = before.filter((one) => isEnd(one) && one.offset >= (unreads.get(one.partition) ?? 0)).map(idOf);
    site.deleted.push(...before);
    await site.admin.deleteTopicRecords({
      topic,
      partitions: gone.upTo.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
    });
    return gone.unread > 0;
  });
  await measured.restart(site);
  const lost = () => measured.sum('messaging_consumer_lost_total');
  const toldMs = await until(ALARM_WITHIN_MS, async () => (await lost()) >= gone.unread);
  await sleep(ONCE_MS);
  const told = await lost();
  say(`${gone.unread} messages were deleted unread, and ${told} told; waiting for what is sent again`);
  const missing = async () => {
    const rows = await site.stores.sql<{ id: string }>(
      service,
      `SELECT message_id AS id FROM inbox WHERE consumer = '${unreadBy}'`,
    );
    const there = new Set(rows.map(({ id }) => id));
    return unreadEnds.filter((id) => !there.has(id));
  };
  const mendedMs = await until(MENDED_WITHIN_MS, async () => (await missing()).length === 0);
  const left = await missing();
  return {
    figures: {
      'deleted unread': gone.unread,
      'told lost': told,
      'told after its reader is back (ms)': toldMs ?? ALARM_WITHIN_MS,
      'of them with an effect': unreadEnds.length,
      'sent again, all of them after (ms)': mendedMs ?? MENDED_WITHIN_MS,
    },
    broken: [
      ...(told === gone.unread ? [] : [`${gone.unread} messages were deleted unread, and ${told} were told`]),
      ...(unreadEnds.length > 0 ? [] : ['no message with an effect was deleted unread: nothing can be told of it']),
      ...left
        .slice(0, 5)
        .map((id) => `event ${id} was deleted unread, and not sent again within ${MENDED_WITHIN_MS} ms`),
    ],
  };
}

/** Up to which offset each partition is deleted, and how many messages of that one group had not read. */
export interface Gone {
  readonly upTo: readonly { readonly partition: number; readonly offset: number }[];
  readonly unread: number;
}

/** All that `reads` have read goes, whether or not `unreads` have; by partition, each with its next offset. */
export function goneOf(
  low: ReadonlyMap<number, number>,
  unreads: ReadonlyMap<number, number>,
  reads: ReadonlyMap<number, number>,
): Gone {
  const upTo = [...low].flatMap(([partition, first]) => {
    const offset = reads.get(partition) ?? 0;
    return offset > first ? [{ partition, offset }] : [];
  });
  const unread = upTo.reduce((sum, { partition, offset }) => {
    const first = low.get(partition) ?? 0;
    // A group that never acknowledged anything of a partition begins with its oldest message: that is no loss to it.
    const position = unreads.get(partition);
    return sum + (position === undefined ? 0 : Math.max(0, offset - Math.max(first, position)));
  }, 0);
  return { upTo, unread };
}

/** What all series of that name on a page of metrics come to. */
export function sumOn(page: string, name: string): number {
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(/\s(\S+)(?:\s\d+)?$/.exec(line)?.[1] ?? 0), 0);
}

/** A service whose instances show their metrics. */
class Measured {
  private constructor(
    private readonly service: ServiceName,
    private readonly ports: readonly number[],
  ) {}

  static async of(service: ServiceName): Promise<Measured> {
    return new Measured(service, await freePorts([0, 0]));
  }

  /** One after the other: a restart must not be an outage of its own. */
  async restart(site: Site): Promise<void> {
    for (const [index, port] of this.ports.entries())
      await site.shop.restart(this.service, index + 1, {
        OTEL_METRICS_EXPORTER: 'prometheus',
        OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
      });
  }

  async each(name: string): Promise<number[]> {
    return Promise.all(
      this.ports.map(async (port) => {
        const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(10_000) });
        return sumOn(await answer.text(), name);
      }),
    );
  }

  async sum(name: string): Promise<number> {
    return (await this.each(name)).reduce((sum, one) => sum + one, 0);
  }
}

async function everyGauge(measured: readonly Measured[], is: (topics: number) => boolean): Promise<boolean> {
  const all = await Promise.all(measured.map((one) => one.each('messaging_topics_other_partitions')));
  return all.flat().every(is);
}

function partitionsCommand(site: Site, topic: Topic, count: number, say: (line: string) => void): Promise<number> {
  const { brokers, databases } = site.shop;
  return eventsCommand(['topics', 'partitions', topic, String(count)], { shop: () => ({ brokers, databases }), say });
}

function noteCount(site: Site, topic: Topic, count: number): void {
  site.counts[topic] = [...(site.counts[topic] ?? [site.countOf(topic)]), count];
}

async function committedBy(site: Site, groupId: ConsumerName, topic: Topic): Promise<Map<number, number>> {
  const [read] = await site.admin.fetchOffsets({ groupId, topics: [topic] });
  return new Map(
    read?.partitions.flatMap(({ partition, offset }) =>
      Number(offset) < 0 ? [] : [[partition, Number(offset)] as const],
    ),
  );
}

const isEnd = ({ event }: Published) => event?.type === orderConfirmed.type || event?.type === orderCancelled.type;
const idOf = ({ event }: Published) => event?.id ?? '';

/** Milliseconds until it is so; undefined when it is not in time. */
async function until(withinMs: number, isSo: () => Promise<boolean>): Promise<number | undefined> {
  const since = performance.now();
  for (; performance.now() - since < withinMs; await sleep(250))
    if (await isSo().catch(() => false)) return Math.round(performance.now() - since);
  return undefined;
}
