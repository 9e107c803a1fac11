import { isDeepStrictEqual } from 'node:util';
import type { CloudEvent } from '@shop/contracts';
import type { Evidence, Messaging } from './evidence.ts';

/**
 * How often a message had one effect. `told`: the consequences of one kind that name it as their cause, in the order of
 * their topic, at least one.
 *
 * With a database that is put back to an older state the inbox is lost that knew of the message: it is read again, and
 * answered by what stands. That is no second effect, but only where everything says so: the answer is the same one, and
 * has no number, so that nothing has changed; what was told before was told after the moment up to which the older state
 * was whole, and before another epoch began; the message is in the inbox of whoever answers, as handled since; and it
 * is told again once for each epoch.
 */
export function timesEffective(told: readonly CloudEvent[], messaging: Evidence['messaging']): number {
  const [first, ...later] = told;
  const teller: Messaging | undefined = (messaging as Readonly<Record<string, Messaging>>)[
    first?.source.replace(/^\//, '') ?? ''
  ];
  const handled = teller?.inbox.filter(({ messageId }) => messageId === first?.causationid).map(({ at }) => at) ?? [];
  if (!first || !teller || handled.length === 0) return told.length;
  const handledAt = Math.min(...handled);
  let lastTold = Date.parse(first.time);
  const again = later.filter(({ time, sequence, data }) => {
    const at = Date.parse(time);
    const isLost = teller.epochs.some(
      ({ restoredTo, beganAt }) =>
        restoredTo <= lastTold && lastTold < beganAt && beganAt <= at && beganAt <= handledAt,
    );
    lastTold = Math.max(lastTold, at);
    return isLost && sequence === undefined && isDeepStrictEqual(data, first.data);
  });
  return told.length - again.length;
}
