import type { Command, Evidence, Outcome, Violation } from './evidence.ts';
import { ordersOf, type History } from './history.ts';

/** Answers after which a client knows no more than before. */
const OPEN = new Set([401, 408, 425, 429]);

/** What the client knows after all its answers. */
export function outcomeOf({ answers }: Pick<Command, 'answers'>): Outcome {
  const definite = answers.find(
    ({ status, code }) => status !== undefined && status < 500 && !OPEN.has(status) && code !== 'request-in-progress',
  );
  if (!definite) return 'unknown';
  return (definite.status ?? 0) < 300 ? 'ok' : 'failed';
}

/**
 * I1: every acknowledged command changed state exactly once; what was refused changed nothing, and what nobody asked
 * for is not there.
 */
export function acknowledged(evidence: Evidence): Violation[] {
  const orders = ordersOf(evidence);
  const placed = evidence.journal.filter((command) => command.kind === 'place');
  const claimed = new Map<string, string>();
  const found = placed.flatMap((command) => {
    const { customer, key } = command;
    const stored = evidence.keys.find((one) => one.principal === customer && one.key === key);
    const order = command.answers.find((answer) => answer.order)?.order ?? stored?.order;
    const earlier = order && claimed.get(order);
    if (order) claimed.set(order, key);
    const say = (what: string): Violation => ({ invariant: 'I1', about: `key ${key}`, what });
    switch (outcomeOf(command)) {
      case 'ok': {
        if (!order) return [say('was acknowledged without an order')];
        const history = orders.get(order);
        if (!history) return [say(`was acknowledged as order ${order}, which is not there`)];
        if (earlier) return [say(`and key ${earlier} are both order ${order}`)];
        return differs(history, command) ? [say(`asked for something else than order ${order} is`)] : [];
      }
      case 'failed':
        return order ? [say(`was refused, and yet there is order ${order}`)] : [];
      case 'unknown':
        return [];
    }
  });
  return [...found, ...unasked(orders, claimed), ...cancelled(evidence, orders)];
}

/** Orders that no key of the journal led to. */
function unasked(orders: Map<string, History>, claimed: Map<string, string>): Violation[] {
  const strays = [...orders.keys()].filter((order) => !claimed.has(order));
  return strays.map((order) => ({
    invariant: 'I1',
    about: `order ${order}`,
    what: 'was asked for by no key, or a second time by one',
  }));
}

function cancelled({ journal }: Evidence, orders: Map<string, History>): Violation[] {
  return journal.flatMap((command): Violation[] => {
    if (command.kind !== 'cancel' || outcomeOf(command) !== 'ok') return [];
    const status = orders.get(command.order)?.status;
    return status === 'cancelled'
      ? []
      : [
          {
            invariant: 'I1',
            about: `order ${command.order}`,
            what: `its cancellation was acknowledged, but it is ${status ?? 'not there'}`,
          },
        ];
  });
}

function differs({ customer, lines }: History, command: Command & { kind: 'place' }): boolean {
  const text = (some: readonly { productId: string; quantity: number }[]) =>
    some
      .map(({ productId, quantity }) => `${productId} ${quantity}`)
      .sort()
      .join();
  return customer !== command.customer || text(lines) !== text(command.body.lines);
}

/** I9: a command whose outcome was unknown resolves, by repeating its key, to one of two: done once, or refused. */
export function resolved({ journal }: Evidence): Violation[] {
  return journal.flatMap((command): Violation[] => {
    const about = command.kind === 'place' ? `key ${command.key}` : `cancellation of order ${command.order}`;
    if (outcomeOf(command) === 'unknown')
      return [{ invariant: 'I9', about, what: `is still unknown after ${command.answers.length} attempts` }];
    const orders = new Set(command.answers.flatMap(({ order }) => order ?? []));
    if (orders.size > 1)
      return [{ invariant: 'I9', about, what: `led to different orders: ${[...orders].join(', ')}` }];
    const refused = command.answers.some((answer) => outcomeOf({ answers: [answer] }) === 'failed');
    const done = command.answers.some((answer) => outcomeOf({ answers: [answer] }) === 'ok');
    return command.kind === 'place' && refused && done
      ? [{ invariant: 'I9', about, what: 'was both done and refused' }]
      : [];
  });
}
