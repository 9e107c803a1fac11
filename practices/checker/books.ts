import type { Evidence, Messaging, StockedProduct, Violation } from './evidence.ts';
import { hasEnded, ordersOf, type History } from './history.ts';

/** The catcher forgets older mails than these, so that after a long run one that is not there says nothing. */
const MAILS_KEPT = 2_000;

/**
 * I5: reserved + sold + free = initial, nothing negative, stock is what reservations say, and money is what orders say.
 */
export function balanced(evidence: Evidence): Violation[] {
  const held = (status: string) => {
    const sums = new Map<string, number>();
    for (const { lines } of evidence.reservations.filter((one) => one.status === status)) {
      for (const { productId, quantity } of lines) sums.set(productId, (sums.get(productId) ?? 0) + quantity);
    }
    return sums;
  };
  const [reserved, sold] = [held('reserved'), held('committed')];
  return [
    ...evidence.products.flatMap((product) =>
      stockOf(product, reserved.get(product.id) ?? 0, sold.get(product.id) ?? 0),
    ),
    ...[...ordersOf(evidence).values()]
      .filter(hasEnded)
      .flatMap((order) => [...goodsOf(order, evidence), ...moneyOf(order, evidence)]),
  ];
}

function stockOf({ id, initial, free, reserved, sold }: StockedProduct, held: number, gone: number): Violation[] {
  const say = (what: string): Violation[] => [{ invariant: 'I5', about: `product ${id}`, what }];
  if (free + reserved + sold !== initial)
    return say(`free ${free} + reserved ${reserved} + sold ${sold} is not the initial ${initial}`);
  if (Math.min(free, reserved, sold) < 0)
    return say(`free ${free}, reserved ${reserved}, sold ${sold}: something is negative`);
  return reserved === held && sold === gone
    ? []
    : say(`reserved ${reserved} and sold ${sold}, but orders hold ${held} and bought ${gone}`);
}

/** An order that ended has its goods, or none. */
function goodsOf({ order, status, lines }: History, { reservations }: Evidence): Violation[] {
  const reservation = reservations.find((one) => one.order === order);
  const wanted = status === 'confirmed' ? 'committed' : 'released';
  const say = (what: string): Violation[] => [{ invariant: 'I5', about: `order ${order}`, what }];
  if (reservation?.status !== wanted)
    return say(`is ${status}, and its stock is ${reservation?.status ?? 'unknown'} instead of ${wanted}`);
  const text = (some: History['lines']) =>
    some
      .map(({ productId, quantity }) => `${productId} ${quantity}`)
      .sort()
      .join();
  return status === 'confirmed' && text(reservation.lines) !== text(lines)
    ? say('bought other things than it ordered')
    : [];
}

/** An order that ended has paid its total, or nothing is held. */
function moneyOf({ order, status, total, currency }: History, { ledger, payments }: Evidence): Violation[] {
  const rows = ledger.filter(({ reference }) => reference === order);
  const entries = new Set(rows.map(({ entry }) => entry));
  const say = (what: string): Violation[] => [{ invariant: 'I5', about: `order ${order}`, what }];
  const payment = payments.find((one) => one.order === order)?.status;
  if (status === 'confirmed') {
    if (payment !== 'captured' || !entries.has('capture') || entries.has('void'))
      return say(`is confirmed, and its money is ${payment}: ${[...entries].join(', ')}`);
    const wrong = rows.find((row) => row.amount !== total || row.currency !== currency);
    return wrong ? say(`costs ${total} ${currency}, and ${wrong.amount} ${wrong.currency} were taken`) : [];
  }
  if (entries.has('capture')) return say('is cancelled, and money was taken');
  return entries.has('authorisation') && !entries.has('void') ? say('is cancelled, and money is still held') : [];
}

/** I6: every saga ends or is visibly parked, and what it says reaches those who are to hear it. */
export function ended(evidence: Evidence): Violation[] {
  const { awaited, open, messaging, messages, mails } = evidence;
  const orders = ordersOf(evidence);
  const services = Object.values(messaging) as Messaging[];
  const parked = new Set(services.flatMap((one) => one.parked.map(({ key }) => key)));
  const told = new Map(messages.map((message) => [message.order, message.status]));
  const mailed = new Set(mails.map(({ order }) => order));
  const say = (order: string, what: string): Violation => ({ invariant: 'I6', about: `order ${order}`, what });
  return [
    ...[...orders.values()]
      .filter((one) => !hasEnded(one) && !parked.has(one.order))
      .map(({ order, status }) => say(order, `is still ${status}, and nobody is told`)),
    ...awaited
      .filter((order) => hasEnded(orders.get(order) ?? { status: 'placed' }))
      .map((order) => say(order, 'has ended, and a step of it is still awaited')),
    ...open.map((order) => say(order, 'what became of its money is still not known')),
    ...[...orders.values()]
      .filter((one) => hasEnded(one) && !parked.has(one.order))
      .flatMap(({ order, status }) => {
        if (told.get(order) !== 'sent')
          return [say(order, `is ${status}, and its customer's message is ${told.get(order) ?? 'not there'}`)];
        return mailed.has(order) || mails.length >= MAILS_KEPT ? [] : [say(order, 'its mail was sent, and never came')];
      }),
    ...services.flatMap(({ outbox }) =>
      outbox.map(
        ({ topic, key }): Violation => ({
          invariant: 'I6',
          about: `key ${key}`,
          what: `its message for ${topic} still waits to be published`,
        }),
      ),
    ),
  ];
}

/** I7: a projection equals its events folded: the list of orders, and orders' copy of the catalog. */
export function projected(evidence: Evidence): Violation[] {
  const list = new Map(evidence.list.map((row) => [row.id, row]));
  const priced = new Map(evidence.priced.map((row) => [row.id, row]));
  const orders = ordersOf(evidence);
  const difference = (have: object | undefined, want: object) => {
    const wrong = Object.entries(want).filter(
      ([field, value]) => (have as Record<string, unknown> | undefined)?.[field] !== value,
    );
    return have
      ? wrong
          .map(
            ([field, value]) => `${field} is ${String((have as Record<string, unknown>)[field])}, not ${String(value)}`,
          )
          .join(', ')
      : 'is not there';
  };
  const say = (about: string, what: string): Violation[] => (what === '' ? [] : [{ invariant: 'I7', about, what }]);
  return [
    ...[...orders.values()].flatMap(({ order, customer, status, total, currency, events }) =>
      say(
        `order ${order}`,
        prefixed(
          'in the list',
          difference(list.get(order), { customer, status, total, currency, version: events.length }),
        ),
      ),
    ),
    ...evidence.list
      .filter(({ id }) => !orders.has(id))
      .flatMap(({ id }) => say(`order ${id}`, 'is in the list, and has no events')),
    ...evidence.products.flatMap(({ id, name, price, currency, active, version }) =>
      say(
        `product ${id}`,
        prefixed("in orders' copy", difference(priced.get(id), { name, price, currency, active, version })),
      ),
    ),
  ];
}

const prefixed = (where: string, what: string) => (what === '' ? '' : `${where}: ${what}`);

/** I11: memory, sockets and lag return to where they were. */
export function returned({ gauges, bounds, lag }: Evidence): Violation[] {
  const behind = Object.entries(lag).filter(([, messages]) => messages > 0);
  const say = (about: string, what: string): Violation => ({ invariant: 'I11', about, what });
  const found = behind.map(([consumer, messages]) => say(`consumer ${consumer}`, `is ${messages} messages behind`));
  if (!gauges) return found;
  const { before, after } = gauges;
  if (after.memoryMiB - before.memoryMiB > bounds.memoryMiB)
    found.push(say('memory', `grew from ${before.memoryMiB} to ${after.memoryMiB} MiB`));
  if (after.sockets - before.sockets > bounds.sockets)
    found.push(say('sockets', `grew from ${before.sockets} to ${after.sockets}`));
  return found;
}
