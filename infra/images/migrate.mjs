/**
 * Brings a service's database up to date, in the image of the service and as the owner of its tables: `node migrate.mjs
 * <expand|contract> <folder with migrations> …`, with DATABASE_URL. Expand before a new version is deployed, contract
 * when it is the only one.
 */
import { basename, join } from 'node:path';
import { migrate } from '@shop/platform';

const [phase, ...folders] = process.argv.slice(2);
const url = process.env.DATABASE_URL;
if (!url || !['expand', 'contract'].includes(phase) || folders.length === 0) {
  console.error('DATABASE_URL=… node migrate.mjs <expand|contract> <folder> …');
  process.exit(2);
}
try {
  const applied = await migrate(
    url,
    folders.map((folder) => ({ name: basename(folder), dir: join(import.meta.dirname, folder, 'migrations') })),
    { phase },
  );
  console.log(JSON.stringify({ phase, applied }));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
