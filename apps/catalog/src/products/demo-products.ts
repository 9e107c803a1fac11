import { createHash } from 'node:crypto';
import type { NewProduct } from '@shop/contracts';

const materials = ['Ash', 'Birch', 'Brass', 'Ceramic', 'Copper', 'Cork', 'Glass', 'Linen', 'Oak', 'Wool'];
const colours = ['Chalk', 'Clay', 'Fern', 'Ink', 'Sand'];
/** What there is, and the price in cents of the plainest one. */
const things: readonly (readonly [string, number])[] = [
  ['Bookend', 1_450],
  ['Bottle', 1_890],
  ['Bowl', 1_290],
  ['Box', 1_690],
  ['Bread Bin', 4_900],
  ['Candlestick', 2_100],
  ['Carafe', 2_450],
  ['Coaster Set', 990],
  ['Coat Hook', 790],
  ['Desk Lamp', 6_900],
  ['Doorstop', 1_150],
  ['Jar', 890],
  ['Notebook', 1_350],
  ['Pen Tray', 1_590],
  ['Plant Pot', 1_750],
  ['Serving Board', 2_990],
  ['Stool', 8_900],
  ['Teapot', 3_950],
  ['Tray', 2_290],
  ['Wall Clock', 5_450],
];

/** The two that the story needs come first by name, so that they are on the first page. */
const special: readonly NewProduct[] = [
  {
    sku: 'DEMO-MUG',
    name: 'Ablation Mug',
    description: 'Holds coffee as long as every practice is on.',
    price: 1_250,
    currency: 'EUR',
    stock: 1_000_000,
  },
  {
    sku: 'SOLD-OUT',
    name: 'Ablation Poster',
    description: 'There was one. It is gone.',
    price: 2_500,
    currency: 'EUR',
    stock: 0,
  },
];

/** The demo's thousand products, always the same ones, in id order. */
export function demoProducts(): (NewProduct & { id: string })[] {
  const plain = materials.flatMap((material, m) =>
    things.flatMap(([thing, price], t) =>
      colours.map((colour, c) => ({
        sku: [thing, material, colour].join('-').replaceAll(' ', '').toUpperCase(),
        name: `${material} ${thing}, ${colour}`,
        description: `${thing} of ${material.toLowerCase()}, finished in ${colour.toLowerCase()}.`,
        price: price + 50 * m + 20 * c,
        currency: 'EUR',
        stock: 5_000 + 500 * ((7 * m + 3 * t + c) % 11),
      })),
    ),
  );
  return [...special, ...plain]
    .slice(0, 1_000)
    .map((product) => ({ id: idOf(product.sku), ...product }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The same id for the same sku wherever the demo is set up: a UUID of version 8, whose bits are the maker's own. */
export function idOf(sku: string): string {
  const hex = createHash('sha256').update(`demo:${sku}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
