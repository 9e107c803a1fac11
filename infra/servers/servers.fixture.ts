/**
 * What `npm start` does up to its servers, in a process of its own: with the environment and in the folder that its
 * parent gives it. Prints what they answered and where they keep their data, and ends.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tidyThisProcess } from '../shell-environment.mjs';

tidyThisProcess();
const [state = ''] = process.argv.slice(2);
const { startServers } = await import('./index.ts');
const { default: pg } = await import('pg');
const { createTopics } = await import('../topics.ts');
const { Redis } = await import('ioredis');

const servers = await startServers({
  state,
  need: ['postgres', 'kafka', 'redis'],
  mode: 'native',
  say: (line) => console.error(line),
});
const database = new pg.Client({ connectionString: servers.postgres.adminUrl });
await database.connect();
const { rows } = await database.query<{ data_directory: string }>('SHOW data_directory');
await database.end();
await createTopics(servers.kafka!.brokers);
const redis = new Redis(servers.redis!.url);
const pong = await redis.ping();
redis.disconnect();
const own = createServer((_, response) => response.end('answered')).listen(0, '127.0.0.1');
await new Promise((listening) => own.once('listening', listening));
const answer = await fetch(`http://127.0.0.1:${(own.address() as AddressInfo).port}`).then((response) =>
  response.text(),
);
own.close();
await servers.stop();
console.log(JSON.stringify({ data: rows[0]?.data_directory, pong, own: answer }));
process.exit(0);
