import Fastify from 'fastify';
import pg from 'pg';
import { listenAs } from '../../lab/listening.ts';

/** The least that answers twenty rows: one server, one pool, one statement, and nobody is asked who they are. */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
const customer = process.env['CUSTOMER'];
const app = Fastify();
app.get('/v1/orders', async () => {
  const text =
    'SELECT id, status, total, currency, placed_at AS "placedAt", version FROM order_list WHERE customer = $1 ORDER BY id DESC LIMIT 20';
  return { items: (await pool.query({ name: 'list', text, values: [customer] })).rows };
});
await listenAs(app, () => pool.end());
