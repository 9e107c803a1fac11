import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { audited, EventStore, type RecordedEvent } from '@shop/eventing';
import { Database } from '@shop/platform';
import type { OrderEvent } from './domain/order.ts';
import { difference, listedFrom, listedRows, rowText, storeListed, type ListedOrder } from './listed-orders.ts';

/** A pass over all orders. */
export interface Pass {
  readonly orders: number;
  readonly events: number;
  readonly seconds: number;
  /** Rows that are not what their order's events make them, and the first of them. */
  readonly wrong: number;
  readonly differences: readonly { readonly id: string; readonly what: string }[];
}

/** What a rebuild has done: `wrong` rows were mended, `behind` ones are a little ahead of their messages now. */
export interface Mended extends Pass {
  readonly behind: number;
}

/**
 * The list against the store: SHA-256 of the rows, and of the rows that the events make, each at the version recorded
 * for its order.
 */
export interface Compared extends Pass {
  readonly projection: string;
  readonly folded: string;
}

/** Whether the list is what the events make it. */
export const agrees = ({ projection, folded }: Compared): boolean => projection === folded;

export interface RebuildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Orders at a time (200): so many rows are locked, for some milliseconds. */
  readonly batch?: number | undefined;
  /** How long a comparison waits, in all, for the list to come as far as the store, in ms (10,000). */
  readonly patience?: number | undefined;
}

const FIRST = '00000000-0000-0000-0000-000000000000';
const TOLD = 20;

/**
 * Makes the list anew from the event store, in place and while orders flow: batch by batch the rows are locked, the
 * streams read and folded, and what differs is written, in one transaction. No reader ever sees less than there was. A
 * message that comes meanwhile waits for its row, and finds it as far on, or further. A kill leaves a list that is
 * right up to there; the next run goes over all of it again.
 */
@Injectable()
export class OrderListRebuild {
  constructor(
    private readonly database: Database,
    private readonly store: EventStore,
  ) {}

  /** Mends, then compares. It is written down who had it done, and what came of it. */
  async run(operator: string, options: RebuildOptions = {}): Promise<{ mended: Mended; compared: Compared }> {
    const done: { mended?: Mended; compared?: Compared } = {};
    await audited(this.database, { operator, action: 'rebuild', consumer: 'orders.list' }, async () => {
      const mended = (done.mended = await this.mend(options));
      const compared = (done.compared = await this.compare(options));
      const verdict = agrees(compared) ? 'the same' : `${compared.wrong} differ`;
      return `${mended.wrong} of ${mended.orders} rows were wrong, ${mended.behind} behind; projection ${compared.projection}, events ${compared.folded}: ${verdict}`;
    });
    return done as Required<typeof done>;
  }

  /** An order whose events cannot be folded keeps its row, and is told. */
  async mend({ signal, batch = 200 }: RebuildOptions = {}): Promise<Mended> {
    const tally = new Tally();
    for await (const ids of this.batches(batch, signal)) {
      await this.database.transaction(async (tx) => {
        const rows = await listedRows(tx, ids, { lock: true });
        const streams = await this.store.loadMany<OrderEvent>(ids, tx);
        const found = ids.map((id) => ({
          id,
          row: rows.get(id),
          events: streams.get(id) ?? [],
          made: listedFrom(streams.get(id) ?? []),
        }));
        const unlike = found.filter(({ row, made }) => rowText(row) !== rowText(made));
        await storeListed(
          tx,
          unlike.flatMap(({ made = [] }) => (made instanceof Error ? [] : made)),
          [...rows.keys()],
        );
        const orphans = unlike.flatMap(({ id, made }) => (made ? [] : [id]));
        if (orphans.length > 0)
          await tx.query('DELETE FROM order_list WHERE id = ANY($1)', [orphans], 'order-list-drop');
        for (const { id, row, events, made } of found)
          tally.count({ id, events: events.length, ...mendedBy(row, events, made) });
      });
    }
    return tally.mended;
  }

  /**
   * Changes nothing. For each order the last version in the store is recorded when it is looked at; the list gets some
   * time to come so far, and both are compared at that version, or at a later one that the list has reached meanwhile.
   */
  async compare({ signal, batch = 200, patience = 10_000 }: RebuildOptions = {}): Promise<Compared> {
    const [tally, projection, folded] = [new Tally(), createHash('sha256'), createHash('sha256')];
    const until = performance.now() + patience;
    for await (const ids of this.batches(batch, signal)) {
      const recorded = await this.versions(ids);
      const { rows, streams } = await this.caughtUp(ids, recorded, until);
      for (const id of ids) {
        const row = rows.get(id);
        const events = (streams.get(id) ?? []).slice(0, Math.max(recorded.get(id) ?? 0, row?.version ?? 0));
        const whole = listedFrom(events);
        projection.update(`${id} ${rowText(row)}\n`);
        folded.update(`${id} ${rowText(whole)}\n`);
        tally.count({ id, events: events.length, what: difference(row, whole) });
      }
    }
    return { ...tally.pass, projection: projection.digest('hex'), folded: folded.digest('hex') };
  }

  /** Every id that has a stream or a row, in order; those that come while it runs, too. */
  private async *batches(size: number, signal: AbortSignal | undefined): AsyncGenerator<string[]> {
    for (let after: string | undefined = FIRST; after !== undefined; ) {
      signal?.throwIfAborted();
      const rows: { id: string }[] = await this.database.query(
        `SELECT id FROM (
           (SELECT stream AS id FROM events WHERE version = 1 AND stream > $1 ORDER BY stream LIMIT $2)
           UNION
           (SELECT id FROM order_list WHERE id > $1 ORDER BY id LIMIT $2)) AS known
         ORDER BY id LIMIT $2`,
        [after, size],
        'order-list-batch',
      );
      if (rows.length > 0) yield rows.map(({ id }) => id);
      after = rows.length < size ? undefined : rows.at(-1)?.id;
    }
  }

  private async versions(ids: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.database.query<{ stream: string; version: number }>(
      'SELECT stream, max(version) AS version FROM events WHERE stream = ANY($1) GROUP BY stream',
      [ids],
      'streams-versions',
    );
    return new Map(rows.map(({ stream, version }) => [stream, version]));
  }

  /** The rows first and the streams after them, so that whatever a row has seen is in its stream. */
  private async caughtUp(ids: readonly string[], recorded: ReadonlyMap<string, number>, until: number) {
    for (;;) {
      const rows = await listedRows(this.database, ids, { lock: false });
      const behind = ids.some((id) => (rows.get(id)?.version ?? 0) < (recorded.get(id) ?? 0));
      if (!behind || performance.now() >= until) return { rows, streams: await this.store.loadMany<OrderEvent>(ids) };
      await sleep(50);
    }
  }
}

/** A row that was only behind its events, or not there yet, was not wrong: its messages may be on their way. */
function mendedBy(
  row: ListedOrder | undefined,
  events: readonly RecordedEvent<OrderEvent>[],
  made: ReturnType<typeof listedFrom>,
) {
  const seen = row?.version ?? 0;
  if (made instanceof Error || seen >= events.length) return { what: difference(row, made) };
  return { behind: true, what: row && difference(row, listedFrom(events.slice(0, seen))) };
}

class Tally {
  readonly #began = performance.now();
  readonly #counts = { orders: 0, events: 0, wrong: 0 };
  readonly #differences: { id: string; what: string }[] = [];
  #behind = 0;

  count({
    id,
    events,
    behind = false,
    what,
  }: {
    id: string;
    events: number;
    behind?: boolean;
    what: string | undefined;
  }): void {
    this.#counts.orders++;
    this.#counts.events += events;
    if (behind) this.#behind++;
    if (what === undefined) return;
    this.#counts.wrong++;
    if (this.#differences.length < TOLD) this.#differences.push({ id, what });
  }

  get pass(): Pass {
    return { ...this.#counts, seconds: (performance.now() - this.#began) / 1_000, differences: this.#differences };
  }

  get mended(): Mended {
    return { ...this.pass, behind: this.#behind };
  }
}
