import type { ServiceName } from '@shop/infra/environment';
import { migrate } from '@shop/platform';
import { z } from 'zod';
import { outcomeOf } from '../checker/commands.ts';
import type { Fault, Findings, Trial } from './fault.ts';
import { Front } from './front.ts';
import { catalogMigrations, withNextVersion } from './next-version.ts';
import { Readers, type Reading } from './readers.ts';
import type { Site } from './site.ts';

/** Who is asked before who asks: a new caller finds what it calls for. Back in the other direction. */
const order: readonly ServiceName[] = ['catalog', 'payments', 'notifications', 'orders', 'auth', 'gateway'];
/** How many requests see it at least, in full: there and back goes on until then. */
const [REQUESTS, READS_A_SECOND] = [100_000, 250];
const newEvent = 'catalog.stock-counted.v1';

/** What was seen of the next version while it ran. */
interface Seen {
  readonly fieldServed: boolean;
  readonly fieldGone: boolean;
  readonly rows: number;
}

export const rollingDeploy: Fault = {
  id: 'F15',
  title: 'every service is rolled to its next version and back, between a migration that adds and one that takes away',
  // A group that is dealt out anew with every instance that goes and comes.
  bounds: { stalenessMs: 120_000 },
  async strike(trial) {
    const { site, next } = trial;
    const front = await Front.before(site.shop.instances.gateway);
    const before = site.load?.choose;
    if (site.load) site.load.choose = front.choose;
    try {
      return await withNextVersion(async (tree) => {
        const readers = await Readers.open(site, next, {
          choose: front.choose,
          ...(!trial.quick && { rate: READS_A_SECOND }),
        });
        const rolling = thereAndBack(trial, front, tree, () => !trial.quick && readers.begun < REQUESTS);
        return judged(await readers.read(rolling), await rolling);
      });
    } finally {
      if (site.load && before) site.load.choose = before;
      await front.close();
    }
  },
  judge({ evidence, commands }) {
    const answers = commands.flatMap((command) => command.answers);
    const failed = answers.filter((answer) => outcomeOf({ answers: [answer] }) === 'unknown');
    const events = evidence.published.filter(({ event }) => event?.type === newEvent).length;
    return {
      figures: {
        'requests for orders': answers.length,
        'of them failed': failed.length,
        'events of the new type': events,
      },
      broken: [
        ...(failed.length > 0
          ? [`${failed.length} of ${answers.length} requests for orders failed: ${told(failed)}`]
          : []),
        ...(events > 0 ? [] : ['the next version told nobody of its new event']),
      ],
    };
  },
};

/** Once, and again while there are not requests enough. */
async function thereAndBack(
  { site, quick, say }: Trial,
  front: Front,
  tree: string,
  again: () => boolean,
): Promise<Seen> {
  const services = quick ? order.filter((name) => name === 'catalog' || name === 'gateway') : order;
  const { ownerUrl } = site.shop.databases.catalog;
  await migrate(ownerUrl, catalogMigrations(tree), { phase: 'expand' });
  const there = () => inOrder(services, (service) => roll({ site, front, service, to: 'N+1', tree }));
  const back = () => inOrder(services.toReversed(), (service) => roll({ site, front, service, to: 'N' }));
  await there();
  say('every instance is of the next version');
  const fieldServed = await servesField(front, [11, 12]);
  await back();
  const fieldGone = !(await servesField(front, [13, 14]));
  while (again()) await there().then(back);
  const [row] = await site.stores.sql<{ count: number }>(
    'catalog',
    'SELECT count(*)::int AS count FROM reservations WHERE pieces IS NOT NULL',
  );
  await migrate(ownerUrl, catalogMigrations(tree), { phase: 'contract' });
  return { fieldServed, fieldGone, rows: row?.count ?? 0 };
}

async function inOrder(services: readonly ServiceName[], one: (service: ServiceName) => Promise<void>): Promise<void> {
  for (const service of services) await one(service);
}

/** One instance after the other: the next one only when those before are ready, and known to be. */
async function roll({
  site,
  front,
  service,
  to,
  tree,
}: {
  site: Site;
  front: Front;
  service: ServiceName;
  to: string;
  tree?: string;
}): Promise<void> {
  for (const [index, url] of site.shop.instances[service].entries()) {
    const instance = index + 1;
    await site.accident(`${service}-${instance} to ${to}`, async () => {
      await site.shop.restart(service, instance, {}, tree);
      return true;
    });
    if (service === 'gateway') await front.untilReady(url);
  }
}

/**
 * Whether products have the field that the next version has more, at both gateways; pages of these lengths nobody has
 * asked for, so they are in no cache.
 */
async function servesField(front: Front, lengths: readonly number[]): Promise<boolean> {
  const pages = lengths.map(async (limit) => {
    const answer = await fetch(`${front.choose()}/v1/products?limit=${limit}`, { signal: AbortSignal.timeout(10_000) });
    return z
      .object({ items: z.array(z.object({ inStock: z.boolean().optional() })).min(1) })
      .parse(await answer.json());
  });
  return (await Promise.all(pages)).every(({ items }) => items.every(({ inStock }) => inStock !== undefined));
}

function judged(readings: readonly Reading[], { fieldServed, fieldGone, rows }: Seen): Findings {
  const failed = readings.filter(({ ok }) => !ok);
  return {
    figures: { reads: readings.length, 'reads that failed': failed.length, 'rows with the new column': rows },
    broken: [
      ...(failed.length > 0 ? [`${failed.length} of ${readings.length} reads failed: ${told(failed)}`] : []),
      ...(rows > 0 ? [] : ['the next version wrote nothing into its new column']),
      ...(fieldServed ? [] : ['the next version did not serve its new field']),
      ...(fieldGone ? [] : ['the version before serves a field that it does not know']),
    ],
  };
}

/** How they failed: a version that does not fit the other is another thing than a machine that had no time. */
function told(failed: readonly { status?: number }[]): string {
  return [...Map.groupBy(failed, ({ status }) => status ?? 'no answer')]
    .map(([how, those]) => `${those.length} × ${how}`)
    .join(', ');
}
