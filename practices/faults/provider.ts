import { setTimeout as sleep } from 'node:timers/promises';
import { authorisePayment } from '@shop/contracts';
import type { Evidence } from '../checker/evidence.ts';
import type { Fault, Findings, Seen, Trial } from './fault.ts';
import type { Site } from './site.ts';

/**
 * For half of the requests nothing is done, and the other half is done; nobody is told which. Its ledger is silent,
 * too.
 */
const silent = { timeoutRate: 0.5, lostAnswerRate: 1, endpoints: { ledger: { timeoutRate: 1 } } };
/**
 * How long no call is answered; how long circuits may take to open; how often it then comes and goes, and for how long
 * each time.
 */
const full = { silentMs: 60_000, openWithinMs: 15_000, flaps: 6, flapMs: 5_000 };
const short = { silentMs: 20_000, openWithinMs: 12_000, flaps: 2, flapMs: 3_000 };
/** The simulator drops at once what it does not carry out. */
const SETTLES_WITHIN_MS = 5_000;
/**
 * What callers may wait while circuits are open: 99 of 100 customers, and 90 of 100 steps, because one call at a time
 * has to find out.
 */
const PROMPT_MS = 300;

/** Times are epoch milliseconds. */
interface Span {
  readonly from: number;
  readonly to: number;
}

class ProviderSilent implements Fault {
  readonly id = 'F16';
  readonly title = 'the payment provider answers nothing, then comes and goes';
  readonly bounds = { stalenessMs: 120_000 };
  /** When circuits were open in this run. */
  private open: Span = { from: 0, to: 0 };

  async strike({ site, quick, say }: Trial): Promise<Findings> {
    const { silentMs, openWithinMs, flaps, flapMs } = quick ? short : full;
    for (const instance of [1, 2])
      await site.shop.restart('payments', instance, { PROVIDER_SETTLES_WITHIN_MS: String(SETTLES_WITHIN_MS) });
    await site.accident(
      'the provider is silent',
      () => site.turnKnobs(silent).then(() => true),
      ({ sagas }) => sagas > 0,
    );
    await sleep(openWithinMs);
    const from = now();
    await sleep(silentMs - openWithinMs);
    this.open = { from, to: now() };
    const { waiting } = await openOutcomes(site);
    say(`${waiting} payments are open after ${silentMs / 1_000} s of silence`);
    for (let n = 0; n < flaps; n++) {
      await site.turnKnobs({});
      await sleep(flapMs);
      await site.accident(
        'the provider is silent again',
        () => site.turnKnobs(silent).then(() => true),
        ({ sagas }) => sagas > 0,
      );
      await sleep(flapMs);
    }
    await site.turnKnobs({});
    return { figures: { 'payments open after the silence': waiting }, broken: [] };
  }

  judge({ evidence, commands }: Seen): Findings {
    const asked = commands
      .flatMap(({ answers }) => answers)
      .filter(({ asked: at = 0 }) => within(performance.timeOrigin + at, this.open));
    const customers = asked.map(({ ms = 0 }) => ms);
    const steps = stepsOf(evidence, this.open);
    const mine = new Set(commands.flatMap(({ answers }) => answers.flatMap(({ order }) => order ?? [])));
    const undone = evidence.ledger.filter(({ entry, reference }) => entry === 'void' && mine.has(reference)).length;
    const [p99, p90] = [quantile(customers, 0.99), quantile(steps, 0.9)];
    return {
      figures: {
        'p99 of customers, circuits open (ms)': p99,
        'steps, circuits open': steps.length,
        'p50 of steps (ms)': quantile(steps, 0.5),
        'p90 of steps (ms)': p90,
        'p99 of steps (ms)': quantile(steps, 0.99),
        'payments given back': undone,
      },
      broken: [
        ...(customers.length === 0 || steps.length === 0
          ? ['nobody called while circuits were open: nothing can be told']
          : []),
        ...(undone === 0 ? ['nothing had to be given back: nothing can be told of compensations'] : []),
        ...(p99 > PROMPT_MS ? [`customers waited ${p99} ms (p99) while circuits were open`] : []),
        ...(p90 > PROMPT_MS ? [`steps took ${p90} ms (p90) while circuits were open`] : []),
      ],
    };
  }
}

export const providerSilent: Fault = new ProviderSilent();

const now = () => performance.timeOrigin + performance.now();
const within = (at: number, { from, to }: Span) => at >= from && at < to;

async function openOutcomes(site: Site): Promise<{ waiting: number }> {
  const [row] = await site.stores.sql<{ waiting: number }>(
    'payments',
    'SELECT count(*)::int AS waiting FROM open_outcomes',
  );
  return row ?? { waiting: 0 };
}

/** Milliseconds from an order's wish to be paid until payments had done with it for the time being. */
function stepsOf({ published, messaging }: Evidence, span: Span): number[] {
  const handled = new Map(messaging.payments.inbox.map(({ messageId, at }) => [messageId, at]));
  const wishes = new Map(
    published.flatMap(({ event }) =>
      event?.type === authorisePayment.type ? [[event.id, Date.parse(event.time)] as const] : [],
    ),
  );
  return [...wishes].flatMap(([id, at]) => (within(at, span) ? [(handled.get(id) ?? Infinity) - at] : []));
}

function quantile(values: readonly number[], share: number): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0);
}
