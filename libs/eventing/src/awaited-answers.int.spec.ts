import { randomUUIDv7 } from 'node:crypto';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { AwaitedAnswers } from './awaited-answers.ts';

const { url, ownerUrl } = await freshDatabase('orders');
const database = new Database(url, { size: 8, application: 'spec' });
const owner = new Database(ownerUrl, { size: 2, application: 'spec' });

beforeEach(async () => void (await database.query('DELETE FROM deadlines')));

interface Row {
  readonly awaited?: readonly string[];
  /** Seconds from now. */
  readonly dueIn?: number;
  readonly since?: number;
}

/** A stream that waits. */
async function waiting({ awaited = ['commit', 'capture'], dueIn = -1, since = -60 }: Row = {}): Promise<string> {
  const stream = randomUUIDv7();
  const ahead = (seconds: number) => `${seconds} seconds`;
  await database.query(
    `INSERT INTO deadlines (stream, version, due_at, look_at, awaited, since) VALUES ($1, 1, 'infinity', clock_timestamp() + $2::interval, $3, clock_timestamp() + $4::interval)`,
    [stream, ahead(dueIn), awaited, ahead(since)],
  );
  return stream;
}
const left = async (stream: string) =>
  (await database.query<{ awaited: string[] }>('SELECT awaited FROM deadlines WHERE stream = $1', [stream]))[0]
    ?.awaited;
const streamsOf = (overdue: readonly { stream: string }[]) => overdue.map(({ stream }) => stream);
const ageOf = async (stream: string) => {
  const [row] = await database.query<{ waited: number; ahead: number }>(
    'SELECT round(extract(epoch FROM clock_timestamp() - since))::int AS waited, round(extract(epoch FROM look_at - clock_timestamp()))::int AS ahead FROM deadlines WHERE stream = $1',
    [stream],
  );
  return row;
};

describe('answers that are awaited', () => {
  it('are due when their time has come, with how long they were waited for', async () => {
    const [later, late] = [await waiting({ dueIn: 60 }), await waiting({ since: -90 })];
    const [first, ...others] = await new AwaitedAnswers(database).due(10);
    expect(first).toMatchObject({ stream: late, version: 1, awaited: ['commit', 'capture'], asked: 1 });
    expect(Math.round((first?.waitedMs ?? 0) / 1_000)).toBe(90);
    expect([others, await left(later)]).toEqual([[], ['commit', 'capture']]);
  });

  it('are one instance’s at a time, and those whose order fails hold up nobody behind them', async () => {
    const failing = await Promise.all([1, 2, 3].map(() => waiting({ dueIn: -30 })));
    const behind = await waiting();
    const [one, other] = [new AwaitedAnswers(database), new AwaitedAnswers(database)];
    expect(new Set(streamsOf(await one.due(3)))).toEqual(new Set(failing));
    expect(streamsOf(await other.due(3))).toEqual([behind]);
    expect(await one.due(3)).toEqual([]);
  });

  it('are gone with the last of them, whichever instance hears it, also when all hear at once', async () => {
    const streams = await Promise.all(Array.from({ length: 40 }, () => waiting()));
    const [one, other] = [new AwaitedAnswers(database), new AwaitedAnswers(database)];
    // In opposite order: instances that locked in the order of what they hear would wait for each other.
    await Promise.all([
      ...streams.map((stream) => one.answered(stream, 'commit')),
      ...streams.toReversed().map((stream) => other.answered(stream, 'capture')),
    ]);
    expect(await database.query('SELECT stream, awaited FROM deadlines')).toEqual([]);
  });

  it('change nothing when they come twice, or where nothing of the kind is awaited', async () => {
    const [half, other] = [await waiting(), await waiting({ awaited: [] })];
    const answers = new AwaitedAnswers(database);
    await Promise.all([
      answers.answered(half, 'commit'),
      answers.answered(half, 'commit'),
      answers.answered(other, 'commit'),
      answers.answered(randomUUIDv7(), 'commit'),
    ]);
    await answers.answered(half, 'commit');
    expect([await left(half), await left(other)]).toEqual([['capture'], []]);
  });

  it('share a statement when many come at once', async () => {
    let statements = 0;
    const counting = {
      query: (...query: Parameters<Database['query']>) => (statements++, database.query(...query)),
    } as unknown as Database;
    const streams = await Promise.all(Array.from({ length: 32 }, () => waiting()));
    const answers = new AwaitedAnswers(counting);
    await Promise.all(streams.map((stream) => answers.answered(stream, 'commit')));
    expect(statements).toBeLessThanOrEqual(2);
  });

  it('are counted by step when they are missing', async () => {
    await Promise.all([waiting(), waiting({ awaited: ['capture'] }), waiting({ since: -1 })]);
    expect(
      new Map((await new AwaitedAnswers(database).unanswered(30_000)).map(({ step, streams }) => [step, streams])),
    ).toEqual(
      new Map([
        ['commit', 1],
        ['capture', 2],
      ]),
    );
  });
});

describe('looking through deadlines', () => {
  /** Pages that looking once touches. */
  async function pagesRead(answers: AwaitedAnswers, single: Database): Promise<number> {
    const touched = async () => {
      // A session sends its counts when it is asked to.
      await single.query('SELECT pg_stat_force_next_flush()');
      const [row] = await single.query<{ blocks: string }>(
        `SELECT coalesce(heap_blks_hit + heap_blks_read, 0) + coalesce(idx_blks_hit + idx_blks_read, 0) AS blocks FROM pg_statio_user_tables WHERE relname = 'deadlines'`,
      );
      return Number(row?.blocks);
    };
    const before = await touched();
    await answers.due(100);
    return (await touched()) - before;
  }

  it('does not wade through what has gone, however long somebody holds an old snapshot', async () => {
    const single = new Database(url, { size: 1, application: 'spec' });
    const holder = await owner.pool.connect();
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await holder.query('SELECT count(*) FROM deadlines');
    await database.query(
      `INSERT INTO deadlines (stream, version, due_at, look_at, awaited) SELECT gen_random_uuid(), 1, 'infinity', now() - n * interval '10 milliseconds', '{commit}' FROM generate_series(1, 20000) AS n`,
    );
    await database.query('DELETE FROM deadlines');
    const answers = new AwaitedAnswers(single);
    const [first, second] = [await pagesRead(answers, single), await pagesRead(answers, single)];
    await holder.query('ROLLBACK');
    holder.release();
    await single.close();
    expect(first).toBeGreaterThan(100);
    expect(second).toBeLessThan(20);
  });
});

describe('a deadline', () => {
  it('counts from the publication of what was asked: while the outbox holds it, nobody can have answered', async () => {
    const [queued, held, gone] = [
      await waiting({ since: -300 }),
      await waiting({ since: -300 }),
      await waiting({ since: -300 }),
    ];
    await database.query(`INSERT INTO outbox (shard, topic, key, payload) VALUES (0, 'catalog.commands', $1, '{}')`, [
      queued,
    ]);
    await database.query(
      `INSERT INTO outbox_held (shard, id, topic, key, payload, created_at, behind) VALUES (0, 1, 'catalog.commands', $1, '{}', now(), 'catalog.commands:3')`,
      [held],
    );
    expect(await new AwaitedAnswers(database).unpublished([queued, held, gone])).toEqual(new Set([queued, held]));
    expect([await ageOf(queued), await ageOf(held), await ageOf(gone)]).toMatchObject([
      { waited: 0, ahead: 30 },
      { waited: 0 },
      { waited: 300 },
    ]);
    await database.query('DELETE FROM outbox');
    await database.query('DELETE FROM outbox_held');
  });

  it('does not count the time in which the bus answered nobody, once, whichever instance notices', async () => {
    const [before, meanwhile] = [await waiting({ since: -200, dueIn: -80 }), await waiting({ since: -40, dueIn: -10 })];
    await database.query(`UPDATE answers_possible SET until = clock_timestamp() - interval '150 seconds'`);
    const [one, other] = [new AwaitedAnswers(database), new AwaitedAnswers(database)];
    const lost = await Promise.all([one.possible(), other.possible()]);
    expect(lost.map((ms) => Math.round(ms / 1_000)).sort()).toEqual([0, 150]);
    expect(await ageOf(before)).toEqual({ waited: 50, ahead: 70 });
    expect(await ageOf(meanwhile)).toEqual({ waited: 0, ahead: 30 });
  });

  it('runs on while the bus answers', async () => {
    const stream = await waiting({ since: -100 });
    const answers = new AwaitedAnswers(database);
    expect([await answers.possible(), await answers.possible()]).toEqual([0, 0]);
    expect(await ageOf(stream)).toMatchObject({ waited: 100 });
  });
});

describe('a row of a slot that was left behind by another driver', () => {
  it('stops no deadline where the outbox is a table', async () => {
    const stream = await waiting();
    await owner.query(`INSERT INTO outbox_slot (slot, position) VALUES ('outbox_left_behind', '0/0')`);
    const unpublished = async () => [...(await new AwaitedAnswers(database).unpublished([stream]))];
    expect(await unpublished()).toEqual([stream]);
    await owner.query(`INSERT INTO agreement (term, value) VALUES ('outbox driver', 'queue')`);
    expect(await unpublished()).toEqual([]);
    await owner.query(`DELETE FROM outbox_slot; DELETE FROM agreement`);
  });
});
