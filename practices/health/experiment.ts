import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { orderConfirmed } from '@shop/contracts';
import { event, seal, type MessageBus } from '@shop/eventing';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import { Supervisor } from './supervisor.ts';

interface HealthLoad extends Load {
  readonly messages: number;
}

const { topic } = orderConfirmed;
/** Twice as long as a poll may be old: who is still called alive by then will be called so for ever. */
const GIVEN_UP_AFTER_MS = 6_000;
const DEADLINE_MS = 90_000;

/** A consumer gets stuck in its loop and answers HTTP as before. A supervisor restarts what is not alive: who is? */
export const experiment: Experiment<HealthLoad> = {
  title: 'Health',
  harm: 'messages left unhandled',
  variants: [
    { name: 'HTTP answers', practice: false, what: 'alive is who answers' },
    { name: 'last poll', practice: true, what: 'alive is whose loop went round lately' },
  ],
  load: {
    full: { seed: 20, messages: 2_000 },
    quick: { seed: 20, messages: 200 },
  },
  tables: 'CREATE TABLE handled (id uuid PRIMARY KEY)',
  topics: [topic],

  async round(bench, { name }, load) {
    const bus = bench.bus();
    const stuck = join(tmpdir(), bench.named('stuck'));
    const process = await bench.start(import.meta.resolve('./service.ts'), name);
    const supervisor = await Supervisor.over(process);
    try {
      const ids = keysFrom(numbersFrom(load.seed), load.messages);
      const half = Math.ceil(ids.length / 2);
      await tell(bus, ids.slice(0, half));
      const before = await settled(bench, half, () => false);
      writeFileSync(stuck, '');
      const gotStuck = await until(() => !existsSync(stuck));
      const since = performance.now();
      await tell(bus, ids.slice(half));
      const handled = await settled(
        bench,
        ids.length,
        () => performance.now() - Math.max(since, supervisor.aliveSince) > GIVEN_UP_AFTER_MS,
      );
      return {
        harm: ids.length - handled,
        figures: {
          messages: ids.length,
          'before it got stuck': before,
          afterwards: handled - before,
          restarts: supervisor.restarts,
        },
        doubts: [
          ...bench.doubts(process),
          ...(before === half ? [] : [`of the ${half} messages before it got stuck ${before} were handled`]),
          ...(gotStuck ? [] : ['nobody got stuck']),
        ],
      };
    } finally {
      rmSync(stuck, { force: true });
      await supervisor.stop();
    }
  },
};

function tell(bus: MessageBus, ids: readonly string[]): Promise<void> {
  const about = (id: string) =>
    event(orderConfirmed, { key: id, sequence: 1, data: { orderId: id, customerId: id, total: 10, currency: 'EUR' } });
  return bus.publish(ids.map((id) => ({ topic, key: id, value: seal(about(id)).payload })));
}

/** Waits until so many messages are handled; gives up when nothing more is to be expected. Answers how many are. */
async function settled(bench: Bench, wanted: number, hopeless: () => boolean): Promise<number> {
  let handled = 0;
  await until(async () => {
    // In this order: what was handled before it became hopeless counts.
    const given = hopeless();
    const [row] = await bench.query<{ count: number }>('SELECT count(*)::int AS count FROM handled');
    handled = row?.count ?? 0;
    return handled >= wanted || given;
  });
  return handled;
}

async function until(is: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const end = performance.now() + DEADLINE_MS; performance.now() < end; await sleep(50))
    if (await is()) return true;
  return false;
}
