import { setTimeout as sleep } from 'node:timers/promises';
import { freshDatabase } from '@shop/testing';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { PAUSE_LOCK, RelayPause } from './relay-pause.ts';

const { url } = await freshDatabase('orders');
const [relay, operator] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
await Promise.all([relay.connect(), operator.connect()]);
afterAll(() => Promise.all([relay.end(), operator.end()]));

describe('a relay that is to be paused', () => {
  it('is paused only when what it tries again has been answered, and begins nothing meanwhile', async () => {
    const pause = new RelayPause(relay);
    expect([await pause.look(), await pause.look(true)]).toEqual([false, false]);
    let paused = false;
    const asked = operator.query('SELECT pg_advisory_lock($1, 0)', [PAUSE_LOCK]).then(() => (paused = true));
    await sleep(50);
    expect(await pause.look(true)).toBe(true);
    await sleep(50);
    expect(paused).toBe(false);
    expect(await pause.look()).toBe(true);
    await asked;
    expect(await pause.look()).toBe(true);
    await operator.query('SELECT pg_advisory_unlock($1, 0)', [PAUSE_LOCK]);
    expect(await pause.look()).toBe(false);
  });
});
