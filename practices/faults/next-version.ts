import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { MigrationSet } from '@shop/platform';
import { Scratch } from './mutants/scratch.ts';

/**
 * What the version after this one has more, as text: a field in an answer, a field in a message, a new event, and a
 * column.
 */
export const patches = [
  {
    file: 'libs/contracts/src/api/products.ts',
    find: 'currency, available: z.int().min(0) })',
    replace: 'currency, available: z.int().min(0), inStock: z.boolean().optional() })',
  },
  {
    file: 'apps/catalog/src/products/products.queries.ts',
    find: '({ ...row, available: free })',
    replace: '({ ...row, available: free, inStock: free > 0 })',
  },
  {
    file: 'libs/contracts/src/catalog.messages.ts',
    find: "summary: 'Every line of the order is set aside.',\n  data: z.object({ orderId: id }),\n});",
    replace: `summary: 'Every line of the order is set aside.',
  data: z.object({ orderId: id, pieces: quantity.optional() }),
});
export const stockCounted = message({
  ...outcome,
  type: 'catalog.stock-counted.v1',
  summary: 'How many pieces an order holds.',
  data: z.object({ orderId: id, pieces: quantity }),
});`,
  },
  {
    file: 'apps/catalog/src/stock/stock.ts',
    find: 'import { commitStock, releaseStock, reserveStock, stockCommitted,',
    replace: 'import { commitStock, releaseStock, reserveStock, stockCommitted, stockCounted,',
  },
  {
    file: 'apps/catalog/src/stock/stock.ts',
    find: "INSERT INTO reservations (order_id, status, version)\n    SELECT $1, CASE WHEN bool_and(available >= quantity) THEN 'reserved' ELSE 'refused' END, 1 FROM lines",
    replace:
      "INSERT INTO reservations (order_id, status, version, pieces)\n    SELECT $1, CASE WHEN bool_and(available >= quantity) THEN 'reserved' ELSE 'refused' END, 1, sum(quantity) FROM lines",
  },
  {
    file: 'apps/catalog/src/stock/stock.ts',
    find: '      await effect.publish(tx, [answerOf(made.status, { orderId, shortages: made.shortages }, 1)]);',
    replace: `      const pieces = lines.reduce((sum, line) => sum + line.quantity, 0);
      await effect.publish(tx, [
        ...(made.status === 'reserved' ? [event(stockCounted, { key: orderId, data: { orderId, pieces } })] : []),
        made.status === 'reserved'
          ? event(stockReserved, { key: orderId, sequence: 1, data: { orderId, pieces } })
          : answerOf(made.status, { orderId, shortages: made.shortages }, 1),
      ]);`,
  },
] as const;

/** Before the first instance of the new version, and after the last one is gone again. */
const migrations = {
  'apps/catalog/migrations/9998-pieces.sql': 'ALTER TABLE reservations ADD COLUMN pieces integer;\n',
  'apps/catalog/migrations/9999-no-pieces.sql': '-- contract\nALTER TABLE reservations DROP COLUMN pieces;\n',
};

/** The tree of the next version, for as long as `work` takes. Throws when a patch does not fit exactly once. */
export async function withNextVersion<T>(work: (tree: string) => Promise<T>): Promise<T> {
  const scratch = await Scratch.make();
  try {
    for (const [file, sql] of Object.entries(migrations)) writeFileSync(join(scratch.folder, file), sql);
    const whole = patches.reduceRight<() => Promise<T>>(
      (inner, patch) => () => scratch.patched(patch, inner),
      () => work(scratch.folder),
    );
    return await whole();
  } finally {
    scratch.remove();
  }
}

/** What makes catalog's database, in that tree. */
export const catalogMigrations = (tree: string): MigrationSet[] =>
  ['libs/eventing', 'apps/catalog'].map((set) => ({ name: basename(set), dir: join(tree, set, 'migrations') }));
