import { describe, expect, it } from 'vitest';
import { check } from './check.ts';
import type { Epoch, Messaging, ServiceName, Violation } from './evidence.ts';
import { soundEvidence, type Tampered } from './evidence.fixture.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const epoch: Epoch = { restoredTo: T0, beganAt: T0 + 1_000 };
const [capture, captured] = ['paid-payments.capture-payment.v1', 'paid-payments.payment-captured.v1'];

interface Restore {
  readonly of?: ServiceName;
  readonly epochs?: readonly Epoch[];
  /** When the command was handled, by its inbox; undefined: the inbox lacks it. */
  readonly handledAt?: number | undefined;
  /** Each time that the answer was told again, in ms after T0, with what it says differently. */
  readonly again?: readonly { readonly at: number; readonly says?: object }[];
}

/** Payments were put back to before a capture, read its command again and answered it again, or what the case says. */
function putBack({ of = 'payments', epochs = [epoch], again = [{ at: 2_000 }], ...rest }: Restore = {}): Tampered {
  const evidence = soundEvidence();
  const handledAt = 'handledAt' in rest ? rest.handledAt : T0 + 1_500;
  const first = evidence.published.find(({ event }) => event?.id === captured)!;
  const { sequence: _, ...unnumbered } = first.event!;
  for (const [n, { at, says }] of again.entries()) {
    const event = { ...unnumbered, id: `again-${n}`, time: new Date(T0 + at).toISOString(), ...says };
    evidence.published.push({ ...first, offset: 900 + n, event });
  }
  const change = (service: ServiceName, its: Partial<Messaging>) => {
    evidence.messaging = {
      ...evidence.messaging,
      [service]: { ...evidence.messaging[service], ...its },
    };
  };
  change('payments', {
    inbox: evidence.messaging.payments.inbox.flatMap((row) => {
      if (row.messageId !== capture) return [row];
      return handledAt === undefined ? [] : [{ ...row, at: handledAt }];
    }),
  });
  change(of, { epochs });
  return evidence;
}

const twice = (times = 2): Violation => ({
  invariant: 'I3',
  about: `event ${capture}`,
  what: `had its effect ${times} times: payments.payment-captured.v1 of paid from message ${capture}`,
});

describe('an answer that is told again', () => {
  it('after its database was put back is no second effect', () => expect(check(putBack())).toEqual([]));

  it('once after each restore is none either', () => {
    const epochs = [epoch, { restoredTo: T0 + 1_800, beganAt: T0 + 3_000 }];
    const again = [{ at: 2_000 }, { at: 4_000 }];
    expect(check(putBack({ epochs, again, handledAt: T0 + 3_500 }))).toEqual([]);
  });

  it.each<[why: string, restore: Restore]>([
    ['no database was put back', { epochs: [] }],
    ["it was another service's database", { of: 'orders' }],
    ['the older state had told it already', { epochs: [{ restoredTo: T0 + 900, beganAt: T0 + 1_000 }] }],
    ['it was told for the first time in the new epoch', { epochs: [{ restoredTo: T0 - 9_000, beganAt: T0 - 5_000 }] }],
    ['it was told again before the restore', { again: [{ at: 900 }] }],
    ['the inbox had the message before the restore, and has it still', { handledAt: T0 + 500 }],
    ['the inbox lacks the message', { handledAt: undefined }],
    ['it says something else', { again: [{ at: 2_000, says: { data: { amount: 1 } } }] }],
    ['it counts as another change', { again: [{ at: 2_000, says: { sequence: '3' } }] }],
  ])('is a second effect where %s', (_why, restore) => expect(check(putBack(restore))).toContainEqual(twice()));

  it('twice after one restore is a second effect', () => {
    expect(check(putBack({ again: [{ at: 2_000 }, { at: 2_100 }] }))).toContainEqual(twice());
  });

  it('in number once for each restore is still a second effect where the first was before both', () => {
    const epochs = [
      { restoredTo: T0 + 900, beganAt: T0 + 1_000 },
      { restoredTo: T0 + 1_800, beganAt: T0 + 3_000 },
    ];
    const again = [{ at: 2_000 }, { at: 4_000 }];
    expect(check(putBack({ epochs, again, handledAt: T0 + 3_500 }))).toContainEqual(twice());
  });
});
