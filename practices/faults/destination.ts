import { setTimeout as sleep } from 'node:timers/promises';
import type { Topic } from '@shop/contracts';
import { freePorts } from '@shop/infra/ports';
import { partitionOf } from '../checker/partitions.ts';
import type { Fault, Findings } from './fault.ts';
import { KafkaLine } from './kafka-line.ts';
import { during, LATE_MS, timesOf, type Phase } from './phases.ts';
import { producers, type Producer } from './relays.ts';
import type { Site } from './site.ts';

/** How long orders arrive before anything is ill, and how long a destination then is. */
const [BASE_MS, ILL_MS] = [
  { quick: 15_000, full: 40_000 },
  { quick: 25_000, full: 60_000 },
];
/** What was held has to be gone so long after its destination is well. */
const GONE_WITHIN_MS = 60_000;
/**
 * How much slower half of the other orders may end, and how many more of them may be late: those that were under way
 * when it began, while each relay found out.
 */
const [SLOWER, LATER] = [2, 0.15];
/** What a gauge may be behind: one look, and a busy machine. */
const TOLD_WITHIN_S = 15;

interface Illness {
  readonly ailment: 'refusing' | 'silent';
  readonly topic: Topic;
  readonly partition: number;
  /** Who publishes there. */
  readonly by: Producer;
}

export const destinationIll: Fault = {
  id: 'F19',
  title: 'one destination refuses, then another is silent, and all others flow',
  bounds: { stalenessMs: 240_000 },
  async strike({ site, quick, next, say }): Promise<Findings> {
    const line = await KafkaLine.to(site.shop.brokers ?? '');
    const ports = new Map(
      await Promise.all(producers.map(async (producer) => [producer, await freePorts([0, 0])] as const)),
    );
    const any = () => Math.floor(next() * 12);
    const illnesses: Illness[] = [
      { ailment: 'refusing', topic: 'catalog.commands', partition: any(), by: 'orders' },
      { ailment: 'silent', topic: 'payments.commands', partition: any(), by: 'orders' },
      { ailment: 'silent', topic: 'payments.events', partition: any(), by: 'payments' },
    ];
    try {
      await everyInstance(site, (producer, index) => ({
        KAFKA_BROKERS: line.brokers,
        OTEL_METRICS_EXPORTER: 'prometheus',
        OTEL_EXPORTER_PROMETHEUS_PORT: String(ports.get(producer)?.[index]),
      }));
      await site.relays.ownedAgain();
      await sleep(quick ? BASE_MS.quick : BASE_MS.full); // those restarted are warm then
      const base = await during(site, () => sleep(quick ? BASE_MS.quick : BASE_MS.full));
      const findings: Findings[] = [];
      for (const illness of quick ? illnesses.slice(0, 2) : illnesses)
        findings.push(
          await fallIll({
            site,
            line,
            illness,
            base,
            ports: ports.get(illness.by) ?? [],
            illMs: quick ? ILL_MS.quick : ILL_MS.full,
            say,
          }),
        );
      const figures = Object.assign(
        { 'half of the orders end within, before (ms)': (await timesOf(site, base)).p50 },
        ...findings.map((one) => one.figures),
      ) as Record<string, number>;
      return { figures, broken: findings.flatMap(({ broken }) => broken) };
    } finally {
      line.recover();
      await everyInstance(site, () => ({}));
      await line.close();
    }
  },
};

/** One after the other: a restart must not be an outage of its own. */
async function everyInstance(
  site: Site,
  env: (producer: Producer, index: number) => Record<string, string>,
): Promise<void> {
  for (const producer of producers)
    for (const instance of [1, 2]) await site.shop.restart(producer, instance, env(producer, instance - 1));
}

interface IllOptions {
  readonly site: Site;
  readonly line: KafkaLine;
  readonly illness: Illness;
  readonly base: Phase;
  /** Where metrics of those who publish there are fetched. */
  readonly ports: readonly number[];
  readonly illMs: number;
  readonly say: (line: string) => void;
}

async function fallIll({
  site,
  line,
  illness: { ailment, topic, partition, by },
  base,
  ports,
  illMs,
  say,
}: IllOptions): Promise<Findings> {
  const place = `${topic}:${partition} ${ailment}`;
  const behind = (key: string) => partitionOf(key, site.countOf(topic)) === partition;
  let seen = { held: 0, toldS: 0, oldestS: 0 };
  const ill = await during(site, () =>
    site.accident(place, async () => {
      line.fallIll(ailment, (of, at) => of === topic && at === partition);
      await sleep(illMs);
      seen = await waiting(site, by, ports);
      return line.hits > 0;
    }),
  );
  line.recover();
  const goneMs = await gone(site, by);
  // Orders that nothing stands in the way of end meanwhile, and those that were held do.
  await sleep(LATE_MS);
  const [before, others, own] = [
    await timesOf(site, base),
    await timesOf(site, ill, (key) => !behind(key)),
    await timesOf(site, ill, behind),
  ];
  say(
    `${place}: ${seen.held} messages were held, and gone ${goneMs} ms after it was well; ${others.late} of ${others.count} other orders ended later than ${LATE_MS} ms`,
  );
  const ratio = others.p50 / Math.max(1, before.p50);
  return {
    figures: {
      [`${place}: messages held`]: seen.held,
      [`${place}: other orders`]: others.count,
      [`${place}: half of them end within (ms)`]: others.p50,
      [`${place}: 95 of 100 within (ms)`]: others.p95,
      [`${place}: that is times as long as before`]: Math.round(ratio * 100) / 100,
      [`${place}: later than ${LATE_MS} ms`]: others.late,
      [`${place}: orders behind it`]: own.count,
      [`${place}: oldest message, as its gauge told (s)`]: Math.round(seen.toldS),
      [`${place}: held ones gone, once it is well (ms)`]: goneMs,
    },
    broken: [
      ...(seen.held === 0 ? [`${place}: nothing was held back for it`] : []),
      ...(ratio > SLOWER
        ? [`${place}: half of the other orders took ${ratio.toFixed(1)} times as long as before`]
        : []),
      ...(others.late / Math.max(1, others.count) > before.late / Math.max(1, before.count) + LATER
        ? [
            `${place}: ${others.late} of ${others.count} other orders ended later than ${LATE_MS} ms (${before.late} of ${before.count} before)`,
          ]
        : []),
      ...(seen.toldS < seen.oldestS - TOLD_WITHIN_S
        ? [
            `${place}: the oldest message had waited ${seen.oldestS.toFixed(0)} s, and the gauge said ${seen.toldS.toFixed(0)} s`,
          ]
        : []),
      ...(goneMs >= GONE_WITHIN_MS
        ? [`${place}: messages were still held ${GONE_WITHIN_MS / 1_000} s after it was well`]
        : []),
    ],
  };
}

/**
 * What is held, how old the oldest message is, and what the instances say that it is: the most of what they say, as the
 * alarm does.
 */
async function waiting(
  site: Site,
  by: Producer,
  ports: readonly number[],
): Promise<{ held: number; toldS: number; oldestS: number }> {
  const [row] = await site.stores.sql<{ held: number; oldest: number }>(
    by,
    `SELECT (SELECT count(*)::int FROM outbox_held) AS held, coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(created_at) FROM (SELECT created_at FROM outbox UNION ALL SELECT created_at FROM outbox_held) AS each)), 0)::float8 AS oldest`,
  );
  const pages = await Promise.all(
    ports.map((port) =>
      fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(10_000) }).then((answer) =>
        answer.text(),
      ),
    ),
  );
  const told = pages.flatMap((page) =>
    [...page.matchAll(/^messaging_outbox_age\S* (\S+)/gm)].map(([, value]) => Number(value)),
  );
  return { held: row?.held ?? 0, oldestS: row?.oldest ?? 0, toldS: Math.max(0, ...told) };
}

/** Milliseconds until nothing is held any more. */
async function gone(site: Site, by: Producer): Promise<number> {
  const since = performance.now();
  for (; performance.now() - since < GONE_WITHIN_MS; await sleep(100)) {
    if ((await site.stores.sql(by, 'SELECT 1 FROM outbox_held LIMIT 1')).length === 0) break;
  }
  return Math.round(performance.now() - since);
}
