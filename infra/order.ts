import { parseArgs } from 'node:util';
import { addressOf, runningShop } from './running.ts';
import { Obstacle } from './state.ts';
import { tellStory, type Plot } from './story.ts';

const usage = `npm run order -- [--decline | --out-of-stock | --repeat]

Places one order against the running shop and tells its story.

  --decline       with a card that the payment provider declines: the stock is released, the order cancelled
  --out-of-stock  of a product that is sold out: no money moves
  --repeat        sends the same request with the same Idempotency-Key twice: one order
`;

const plots: Record<string, Plot> = { decline: 'declined', 'out-of-stock': 'out-of-stock', repeat: 'repeated' };

/** `npm run order`. Returns the exit code: 0 when the order ended as it should. */
export async function orderCommand(args: string[]): Promise<number> {
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({ args, options: { decline: flag, 'out-of-stock': flag, repeat: flag, help: flag } });
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  if (values.help) {
    say(usage);
    return 0;
  }
  const [wished, another] = Object.keys(plots).filter((name) => values[name as keyof typeof values]);
  if (another !== undefined) throw new Obstacle(`One order has one fate: --${wished} or --${another}.`);
  return (await tellStory(addressOf(runningShop()), say, plots[wished ?? ''])) ? 0 : 1;
}
