import type { SagaStep } from '@shop/orders';
import type { Answer, MoneyMove, Standing } from '@shop/payments';

/** What nobody may ever see: the message says what it was. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export type StockStep = Extract<SagaStep, `${string}-stock`>;

export type Reservation = 'reserved' | 'refused' | 'released' | 'committed';

/**
 * Catalog's rules about stock, as its statements have them (apps/catalog/src/stock/stock.ts): each order wants one of
 * the same thing.
 */
export class StockBooks {
  readonly reservations = new Map<string, Reservation>();
  reserved = 0;
  sold = 0;

  constructor(public free: number) {}

  /** Answers as catalog does: what became of the order's stock, also to a step that was taken before. */
  take(step: StockStep, orderId: string): Reservation {
    const before = this.reservations.get(orderId);
    if (step === 'reserve-stock') return before ?? this.reserve(orderId);
    const to = step === 'release-stock' ? 'released' : 'committed';
    if (before === to) return to;
    if (before === 'reserved') this.move(to === 'released' ? 'free' : 'sold');
    else if (to === 'committed' || before === 'committed')
      throw new Violation(`the stock of ${orderId} is ${before ?? 'not reserved'}: it cannot be ${to}`);
    this.reservations.set(orderId, to);
    return to;
  }

  private reserve(orderId: string): 'reserved' | 'refused' {
    const outcome = this.free > 0 ? 'reserved' : 'refused';
    if (outcome === 'reserved') [this.free, this.reserved] = [this.free - 1, this.reserved + 1];
    this.reservations.set(orderId, outcome);
    return outcome;
  }

  private move(to: 'free' | 'sold'): void {
    this.reserved--;
    this[to]++;
  }
}

/** The provider promises to have carried out, or dropped, whatever it was asked for after so many milliseconds. */
export const SETTLES_WITHIN_MS = 120_000;

type Entry = 'authorisation' | 'decline' | 'capture' | 'void';

interface Late {
  readonly at: number;
  readonly orderId: string;
  readonly move: MoneyMove;
}

/** The payment provider: it moves money once for each key, and says so when it feels like it. */
export class ProviderBooks {
  /** Every movement of money, in order. */
  readonly ledger: { readonly orderId: string; readonly entry: Entry }[] = [];
  /** Nobody is kept waiting any more. */
  calm = false;
  private late: Late[] = [];

  constructor(
    private readonly dice: () => number,
    private readonly solvent: (orderId: string) => boolean,
  ) {}

  entries(orderId: string): Entry[] {
    return this.ledger.flatMap((row) => (row.orderId === orderId ? [row.entry] : []));
  }

  standing(orderId: string): Standing {
    const last = this.entries(orderId).at(-1);
    if (last === undefined) return { status: 'none' };
    if (last === 'decline') return { status: 'declined', reason: 'card-declined' };
    const status = { authorisation: 'authorised', capture: 'captured', void: 'voided' } as const;
    return { status: status[last], paymentId: `auth ${orderId}`, amount: 1250, currency: 'EUR' };
  }

  /** Does it and says so; or does it and does not say so; or does it later; or never. */
  ask(orderId: string, move: MoneyMove, now: number): Answer {
    const fate = this.calm ? 0 : this.dice();
    if (fate < 0.55) return this.carryOut(orderId, move);
    if (fate < 0.75) this.carryOut(orderId, move);
    else if (fate < 0.9) this.late.push({ at: now + this.dice() * SETTLES_WITHIN_MS, orderId, move });
    return { status: 'unknown' };
  }

  /** Carries out what it has put off until now. */
  passTime(now: number): void {
    if (this.late.length === 0) return;
    const due = this.late.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    this.late = this.late.filter(({ at }) => at > now);
    for (const { orderId, move } of due) this.carryOut(orderId, move);
  }

  /** The same answer for the same key, whether or not it moves money this time. */
  private carryOut(orderId: string, move: MoneyMove): Answer {
    const entries = this.entries(orderId);
    if (move.type === 'authorise') {
      const [first] = entries;
      const entry = first ?? (this.solvent(orderId) ? 'authorisation' : 'decline');
      if (!first) this.ledger.push({ orderId, entry });
      return entry === 'decline'
        ? { status: 'declined', reason: 'card-declined' }
        : { status: 'authorised', paymentId: `auth ${orderId}` };
    }
    if (!entries.includes(move.type)) {
      if (entries.at(-1) !== 'authorisation')
        throw new Violation(
          `the provider is asked for a ${move.type} of ${orderId} after ${entries.join(', ') || 'nothing'}`,
        );
      this.ledger.push({ orderId, entry: move.type });
    }
    return { status: move.type === 'capture' ? 'captured' : 'voided' };
  }
}
