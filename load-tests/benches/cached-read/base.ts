import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { listenAs } from '../../lab/listening.ts';

/** The least that answers a read: nobody is asked who they are, nothing is limited, logged, checked or counted. */
const { ROLE, UPSTREAM = '', REDIS = '', BODY = '{}' } = process.env;
const app = Fastify();

/** The other end of a hop: it answers from memory. */
function origin(): void {
  app.get('/v1/products/:id', (_, reply) => reply.type('application/json').send(BODY));
}

/** A hop: asks the other end through a pool of connections. */
function hop(): void {
  const pool = new Pool(UPSTREAM, { connections: 32 });
  app.get('/v1/products/:id', async (request, reply) => {
    const { statusCode, body } = await pool.request({ path: request.url, method: 'GET' });
    return reply
      .status(statusCode)
      .type('application/json')
      .send(await body.text());
  });
}

/** One GET of Redis for each request. */
async function cache(): Promise<void> {
  const redis = new Redis(REDIS, { enableAutoPipelining: true });
  await redis.set('bench:body', BODY);
  app.get('/v1/products/:id', async (_, reply) => reply.type('application/json').send(await redis.get('bench:body')));
}

if (ROLE === 'origin') origin();
else if (ROLE === 'hop') hop();
else await cache();
await listenAs(app);
