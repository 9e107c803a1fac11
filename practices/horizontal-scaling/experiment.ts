import type { Experiment, Load, Round } from '../lab/experiment.ts';
import { numbersFrom, spread } from '../lab/seed.ts';
import { CompetingBus, tables as queue } from './competing-bus.ts';
import { backlogs, Consumers, tables, topic, type WorkedOff } from './consumers.ts';

interface ScalingLoad extends Load {
  /** In each backlog. */
  readonly messages: number;
  readonly products: number;
  /** At most: one, two, four … */
  readonly instances: number;
  readonly kills: number;
}

/**
 * The same work for one instance of a consumer, for two, for four, and while they die, leave and join. Is it done in
 * order?
 */
export const experiment: Experiment<ScalingLoad> = {
  title: 'Horizontal scaling',
  harm: 'changes that took effect after a later one of their product',
  variants: [
    { name: 'any takes any', practice: false, what: 'whoever is free takes the next message' },
    { name: 'lanes', practice: true, what: 'a key has its lane, and a lane one owner at a time' },
  ],
  load: {
    full: { seed: 20, messages: 1_500, products: 60, instances: 4, kills: 2 },
    quick: { seed: 20, messages: 300, products: 20, instances: 2, kills: 0 },
  },
  tables: tables + queue,
  topics: [topic],

  async round(bench, { name, practice }, load) {
    const bus = practice ? bench.bus() : new CompetingBus(bench.databaseUrl);
    const consumers = new Consumers(bench, name, bus);
    const next = backlogs(load);
    const through: Record<string, WorkedOff> = {};
    try {
      for (const count of counts(load)) {
        await consumers.grow(count);
        if (practice) await consumers.dealtOut();
        through[`×${count}`] = await consumers.workOff(next());
      }
      if (load.kills > 0) {
        const backlog = next();
        bench.arm(
          ...spread(numbersFrom(load.seed), load.kills, load.messages).map(
            (number) => `handled-${backlog[number]?.id}`,
          ),
        );
        through['killed'] = await consumers.workOff(backlog);
      }
      through['leaving'] = await consumers.workOff(next(), () => consumers.leave());
      await consumers.join();
      through['joining'] = await consumers.workOff(next());
    } finally {
      if (!practice) await bus.close();
    }
    return judged(through, load, {
      wrongPrices: await consumers.wrongPrices(),
      accidents: bench.doubts(...consumers.all),
    });
  },
};

const counts = ({ instances }: ScalingLoad) => [1, 2, 4, 8].filter((count) => count <= instances);

function judged(
  through: Readonly<Record<string, WorkedOff>>,
  load: ScalingLoad,
  rest: { wrongPrices: number; accidents: readonly string[] },
): Round {
  const all = Object.values(through).map(({ found }) => found);
  const sum = (count: 'inverted' | 'lost' | 'doubled' | 'invented') =>
    all.reduce((total, found) => total + found[count], 0);
  // Not all: while lanes are dealt out anew, one may be worked off before its next owner comes to it.
  const alone = counts(load).filter((count) => count > 1 && (through[`×${count}`]?.hands ?? 0) < 2);
  return {
    harm: sum('inverted'),
    figures: {
      ...Object.fromEntries(counts(load).map((count) => [`×${count} /s`, through[`×${count}`]?.rate ?? 0])),
      ...Object.fromEntries(Object.entries(through).map(([name, { found }]) => [`late ${name}`, found.inverted])),
      'wrong prices': rest.wrongPrices,
    },
    cases: all.flatMap(({ cases }) => cases).slice(0, 5),
    doubts: [
      ...rest.accidents,
      ...alone.map((count) => `of ${count} instances one did all the work`),
      ...(sum('lost') === 0 ? [] : [`${sum('lost')} messages had no effect`]),
      ...(sum('doubled') + sum('invented') === 0
        ? []
        : [`${sum('doubled')} effects happened twice, ${sum('invented')} come from nowhere`]),
    ],
  };
}
