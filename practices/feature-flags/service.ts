import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlagFile, Flags, NothingOn } from '@shop/platform';
import { log, serve, takePart } from '../lab/part.ts';

/** A process that prices orders: the same rules in every variant, and another way to say who gets the new one. */
const { variant, database, named } = takePart();

export interface Wanted {
  readonly number: number;
  readonly customer: string;
  /** Of one piece, at the list. */
  readonly price: number;
  readonly quantity: number;
}

/** Who deploys it gives it to everybody. */
class Deployed extends Flags {
  override isOn(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

const fromFile = () => FlagFile.open({ path: join(tmpdir(), named('flags.json')), log });
const ways: Record<string, () => Flags | Promise<Flags>> = {
  'full deploy': () => new Deployed(),
  'rolled back': () => new NothingOn(),
  switch: fromFile,
  'share and switch': fromFile,
};
const flags = await ways[variant]?.();
if (!flags) throw new Error(`no such variant: ${variant}`);
if (flags instanceof FlagFile) flags.onApplicationBootstrap();

/** Five per cent off ten or more. Every test passed: they were written with the same slip. */
const newRule = ({ price, quantity }: Wanted) => (quantity >= 10 ? Math.round(price * 0.5) : price);

serve(
  async (wanted: Wanted) => {
    const { number, customer, price, quantity } = wanted;
    const unitPrice = (await flags.isOn('volume-discount', customer)) ? newRule(wanted) : price;
    const row = [number, customer, price, quantity, unitPrice * quantity];
    await database.query(
      'INSERT INTO orders (number, customer, price, quantity, total) VALUES ($1, $2, $3, $4, $5)',
      row,
      'place',
    );
    return true;
  },
  () => (flags instanceof FlagFile ? flags.onApplicationShutdown() : Promise.resolve()),
);
