import { randomUUIDv7 } from 'node:crypto';
import Fastify from 'fastify';
import pg from 'pg';
import { listenAs } from '../../lab/listening.ts';
import { oneStatement } from '../../lab/same-rows.ts';

/**
 * The least that places an order: parses JSON, writes the same rows in one statement, and believes whatever it is told.
 */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
const app = Fastify();
const text = oneStatement('$1');
app.post('/orders', async (request, reply) => {
  const id = randomUUIDv7();
  await pool.query({ name: 'place', text, values: [id] });
  return reply
    .status(201)
    .send({ id, status: 'placed', lines: (request.body as { lines: unknown }).lines, placedAt: new Date() });
});
await listenAs(app, () => pool.end());
