import type { SagaStep } from '@shop/orders';
import { describe, expect, it } from 'vitest';
import { rules, World, type Rules } from './world.fixture.ts';

/** `SAGA_SEED=<n>` lives one seed and tells its story; `SAGA_SEEDS=<n>` lives so many. */
const one = process.env['SAGA_SEED'];
const many = Number(process.env['SAGA_SEEDS'] ?? (process.env['CI_LEVEL'] === 'nightly' ? 1_000_000 : 20_000));

/** What goes wrong with a seed, if anything, and what happened before. */
function fate(seed: number, by: Rules = rules): { wrong: string | undefined; story: string[] } {
  const world = new World(seed, by);
  try {
    world.live();
    return { wrong: undefined, story: world.story };
  } catch (error) {
    return { wrong: (error as Error).message, story: world.story };
  }
}

/** The first seed with which something goes wrong. */
function search(seeds: number, by: Rules = rules): { seed: number; wrong: string } | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const { wrong } = fate(seed, by);
    if (wrong !== undefined) return { seed, wrong };
  }
  return undefined;
}

const retold = (seed: number, by: Rules = rules) => {
  const { wrong, story } = fate(seed, by);
  return [
    `seed ${seed}: ${wrong ?? 'all is well'}`,
    ...story.map((line) => `  ${line}`),
    `again: SAGA_SEED=${seed} npx vitest run --project unit infra/saga`,
  ].join('\n');
};

describe('the saga, whatever the buses, the provider, the customer and death do', () => {
  const name = 'ends with everything sold and paid, or with nothing held anywhere';
  if (one === undefined) {
    it(name, { timeout: 600_000 }, () => {
      const began = performance.now();
      const found = search(many);
      const seconds = (performance.now() - began) / 1_000;
      if (found) expect.fail(retold(found.seed));
      console.log(
        `  saga: ${many.toLocaleString('en')} seeds, ${Math.round(many / seconds).toLocaleString('en')} a second`,
      );
    });
  } else {
    it(`${name}: seed ${one}`, () => {
      console.log(retold(Number(one)));
      expect(fate(Number(one)).wrong).toBeUndefined();
    });
  }
});

type Order = Rules['order'];
type Payment = Rules['payment'];
const deciding = <D extends Order | Payment>(decider: D, decide: D['decide']): D => ({ ...decider, decide });

/**
 * It neither asks for a step nor waits for it: what is waited for is asked for in the end, though it was not at first.
 */
const forgetting = (forgotten: SagaStep): Partial<Rules> => ({
  steps: (event) => rules.steps(event).filter((step) => step !== forgotten),
  awaits: (state) => rules.awaits(state).filter((step) => step !== forgotten),
});

const mistakes: [string, Partial<Rules>][] = [
  ['forgets to release the stock', forgetting('release-stock')],
  ['forgets to let go of the money', forgetting('void-payment')],
  ['forgets to take the money', forgetting('capture-payment')],
  [
    'believes a yes that comes after the end',
    {
      order: deciding(rules.order, (state, command) =>
        command.type === 'NotePaymentAuthorised' && state.status === 'cancelled'
          ? [{ type: 'OrderConfirmed' }]
          : rules.order.decide(state, command),
      ),
    },
  ],
  [
    'takes silence for a refusal',
    {
      payment: deciding(rules.payment, (state, command) =>
        command.type === 'AuthorisePayment' && command.answer?.status === 'unknown'
          ? [{ type: 'PaymentDeclined', reason: 'time-out' }]
          : rules.payment.decide(state, command),
      ),
    },
  ],
  [
    'takes an empty ledger for the last word',
    {
      payment: deciding(rules.payment, (state, command) =>
        rules.payment.decide(state, command.type === 'Reconcile' ? { ...command, quiet: true } : command),
      ),
    },
  ],
  [
    'sends its last steps and forgets them',
    { awaits: (state) => (state.status === 'confirmed' || state.status === 'cancelled' ? [] : rules.awaits(state)) },
  ],
  [
    'looks for answers, and never asks again',
    {
      remedy: (...of) => {
        const what = rules.remedy(...of);
        return what.type === 'ask-again' ? { ...what, steps: [] } : what;
      },
    },
  ],
  ['answers a step once, and never who asks again', { stands: () => undefined }],
  ['acts on what it read long ago', { readIsGoodForMs: Infinity }],
];

describe('a saga that', () => {
  it.each(mistakes)('%s is found out, by a seed that shows it again', (_mistake, wrong) => {
    const by = { ...rules, ...wrong };
    const found = search(many, by);
    expect(found).toBeDefined();
    expect(fate(found?.seed ?? 0, by).wrong).toBe(found?.wrong);
    expect(fate(found?.seed ?? 0).wrong).toBeUndefined();
  });
});
