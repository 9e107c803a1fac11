import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { apiTop10 } from './api-top-10.ts';
import { asvsFaults, requirements } from './asvs.ts';
import { broken, documents, stale, write } from './documents.ts';
import { missingTests } from './named-tests.ts';

const usage = `npm run generate [-- --check | --accept-breaking]

Writes what is made from the code and committed: JSON Schema and AsyncAPI of the messages, the gateway's OpenAPI, the topology, and the
references between TypeScript projects. Refuses when a message would break for those who read it now, or a version of the API for its clients.

  --check            writes nothing; exit code 1 when something is stale or breaks ("npm run check" does this)
  --accept-breaking  writes all the same: for what nobody reads any more
`;
const advice =
  'Declare the new form beside the old one, as the next major version (….v2, /v3), until nobody reads the old one.';
const root = resolve(import.meta.dirname, '..');

async function main(): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ options: { check: flag, 'accept-breaking': flag, help: flag } });
  if (values.help) return say(usage, 0);
  const wanted = await documents(root);
  const breaks = broken(root, wanted);
  for (const sentence of breaks) say(`breaking: ${sentence}`, 1);
  if (breaks.length > 0 && !values['accept-breaking']) return say(advice, 1);
  const missing = [...missingTests(root, apiTop10), ...asvsFaults(root, requirements(root))];
  for (const sentence of missing) say(sentence, 1);
  const files = stale(root, wanted);
  if (values.check) {
    for (const file of files) say(`stale: ${file}: run npm run generate`, 1);
    return Math.max(files.length + missing.length > 0 ? 1 : 0, sync('sync:check'));
  }
  write(root, wanted);
  say(files.length > 0 ? `Written: ${files.join(', ')}` : 'Everything was up to date.', 0);
  return sync('sync');
}

/** The references between TypeScript projects are nx's to make. */
function sync(command: 'sync' | 'sync:check'): number {
  const env = { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' };
  return (
    spawnSync(process.execPath, ['node_modules/nx/dist/bin/nx.js', command], { cwd: root, stdio: 'inherit', env })
      .status ?? 1
  );
}

function say(line: string, code: number): number {
  (code === 0 ? process.stdout : process.stderr).write(`${line}\n`);
  return code;
}

try {
  process.exit(await main());
} catch (error) {
  const expected = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${expected ? (error as Error).message : (error as Error).stack}\n`);
  process.exit(1);
}
