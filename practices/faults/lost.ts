import { setTimeout as sleep } from 'node:timers/promises';
import {
  authorisePayment,
  capturePayment,
  commitStock,
  paymentAuthorised,
  paymentCaptured,
  paymentDeclined,
  paymentVoided,
  releaseStock,
  reserveStock,
  stockCommitted,
  stockRefused,
  stockReleased,
  stockReserved,
  voidPayment,
  type CloudEvent,
  type MessageContract,
} from '@shop/contracts';
import type { Fault, Findings } from './fault.ts';
import type { Site } from './site.ts';

/** Every command and every answer of the saga, by who writes it into its outbox. */
const kinds: Readonly<Record<'orders' | 'catalog' | 'payments', readonly MessageContract[]>> = {
  orders: [reserveStock, authorisePayment, commitStock, capturePayment, releaseStock, voidPayment],
  catalog: [stockReserved, stockRefused, stockReleased, stockCommitted],
  payments: [paymentAuthorised, paymentDeclined, paymentCaptured, paymentVoided],
};
const losers = Object.keys(kinds) as (keyof typeof kinds)[];

/** How long an order may take that lost something, before somebody has to be told. */
const ALARM_WITHIN_MS = 120_000;
/** How long orders may arrive until each kind has been lost. */
const LOST_WITHIN_MS = 60_000;

/**
 * The outbox takes the message, and nobody ever sees it: as if a row were deleted, a topic emptied, an offset moved.
 * The next `left` of a kind go that way.
 */
const lose = (types: readonly string[], each: number) => `
  CREATE TABLE to_lose (type text PRIMARY KEY, left_over int NOT NULL);
  CREATE TABLE lost_messages (topic text NOT NULL, key text NOT NULL, payload text NOT NULL);
  INSERT INTO to_lose VALUES ${types.map((type) => `('${type}', ${each})`).join(', ')};
  CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
  BEGIN
    UPDATE to_lose SET left_over = left_over - 1 WHERE type = NEW.payload::json->>'type' AND left_over > 0;
    IF NOT FOUND THEN RETURN NEW; END IF;
    INSERT INTO lost_messages VALUES (NEW.topic, NEW.key, NEW.payload);
    RETURN NULL;
  END $$;
  CREATE TRIGGER lose BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION lose()`;
const loseNoMore = 'DROP TRIGGER lose ON outbox; DROP FUNCTION lose(); DROP TABLE to_lose, lost_messages';

interface Lost {
  readonly topic: string;
  readonly key: string;
  readonly event: CloudEvent;
}

export const messagesLost: Fault = {
  id: 'F20',
  title: 'commands and answers are lost on their way, at each step of the saga',
  bounds: { stalenessMs: 300_000 },
  obstacle: () =>
    process.env['OUTBOX_DRIVER'] === 'wal'
      ? 'F20 takes messages out of the outbox table; with the outbox in the log there is none. Run it without --outbox wal.'
      : undefined,
  async strike({ site, quick, say }): Promise<Findings> {
    const each = quick ? 1 : 5;
    await site.accident(
      `the next ${each} of each command and answer are lost`,
      async () => {
        for (const loser of losers)
          await site.stores.sql(
            loser,
            lose(
              kinds[loser].map(({ type }) => type),
              each,
            ),
          );
        return true;
      },
      ({ sagas }) => sagas > 0,
    );
    const began = performance.now();
    const lost = await untilLost(site, each);
    say(`${lost.length} messages are lost (${((performance.now() - began) / 1_000).toFixed(0)} s)`);
    site.lost.push(
      ...lost.flatMap(({ topic, key, event: { sequence } }) =>
        sequence === undefined ? [] : [`${topic} ${key} #${sequence}`],
      ),
    );
    const { slowestMs, open } = await untilHealed(site, [...new Set(lost.map(({ key }) => key))]);
    for (const loser of losers) await site.stores.sql(loser, loseNoMore);
    const spared = losers
      .flatMap((loser) => kinds[loser])
      .filter(({ type }) => !lost.some(({ event }) => event.type === type));
    return {
      figures: {
        'messages lost': lost.length,
        'kinds of them': new Set(lost.map(({ event }) => event.type)).size,
        'whole again after at most (ms)': slowestMs,
      },
      broken: [
        ...spared.map(({ type }) => `no ${type} was lost: nothing can be told of it`),
        ...open.map(
          (order) =>
            `order ${order} lost a message, and ${ALARM_WITHIN_MS / 1_000} s later it still waits and nobody is told`,
        ),
      ],
    };
  },
};

/** Until each kind has been lost as often as it was to be, or long enough. */
async function untilLost(site: Site, each: number): Promise<Lost[]> {
  const wanted = each * losers.flatMap((loser) => kinds[loser]).length;
  let lost: Lost[] = [];
  for (
    const until = performance.now() + LOST_WITHIN_MS;
    lost.length < wanted && performance.now() < until;
    await sleep(200)
  ) {
    const rows = await Promise.all(
      losers.map((loser) =>
        site.stores.sql<{ topic: string; key: string; payload: string }>(
          loser,
          'SELECT topic, key, payload FROM lost_messages',
        ),
      ),
    );
    lost = rows.flat().map(({ topic, key, payload }) => ({ topic, key, event: JSON.parse(payload) as CloudEvent }));
  }
  return lost;
}

/**
 * How long it took until the last of these orders waits for nothing any more, and which still do without an alarm:
 * counted as it is, by what the gauge counts.
 */
async function untilHealed(site: Site, orders: readonly string[]): Promise<{ slowestMs: number; open: string[] }> {
  const began = performance.now();
  const waiting = async () =>
    (
      await site.stores.sql<{ stream: string; told: boolean }>(
        'orders',
        `SELECT stream, since < now() - interval '1 minute' AS told FROM deadlines`,
      )
    ).filter(({ stream }) => orders.includes(stream));
  let open = await waiting();
  for (; open.length > 0 && performance.now() - began < ALARM_WITHIN_MS; await sleep(250)) open = await waiting();
  return {
    slowestMs: Math.round(performance.now() - began),
    open: open.filter(({ told }) => !told).map(({ stream }) => stream),
  };
}
