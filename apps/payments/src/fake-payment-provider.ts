import { DomainError, type Money } from '@shop/kernel';
import type { Authorisation, Standing } from './domain/payment.ts';
import { PaymentProvider, type LedgerPage } from './payment-provider.ts';

/** A provider in memory that keeps the port's promises; `declines` lists tokens it refuses. */
export class FakePaymentProvider extends PaymentProvider {
  /** Every movement of money, once. */
  readonly rows: { entry: 'authorisation' | 'decline' | 'capture' | 'void'; orderId: string }[] = [];
  readonly declines = new Set<string>();
  /** What the next calls meet: an outage before anything is done, or an answer that is lost after it was. */
  weather: 'fine' | 'away' | 'answers-lost' = 'fine';
  /** Whether the ledger cannot be asked. */
  ledgerAway = false;

  readonly #authorisations = new Map<string, Authorisation & Money>();
  readonly #settled = new Map<string, 'capture' | 'void'>();

  override authorise(
    orderId: string,
    { paymentToken, amount, currency }: Money & { paymentToken: string },
  ): Promise<Authorisation> {
    return this.#answer(() => {
      const before = this.#authorisations.get(orderId);
      if (before) return answerOf(before);
      const declined = this.declines.has(paymentToken);
      const answer: Authorisation = declined
        ? { status: 'declined', reason: 'card-declined' }
        : { status: 'authorised', paymentId: `fake_${orderId}` };
      this.#authorisations.set(orderId, { ...answer, amount, currency });
      this.rows.push({ entry: declined ? 'decline' : 'authorisation', orderId });
      return answer;
    });
  }

  override capture(orderId: string, paymentId: string): Promise<void> {
    return this.#answer(() => this.#settle('capture', orderId, paymentId));
  }

  override void(orderId: string, paymentId: string): Promise<void> {
    return this.#answer(() => this.#settle('void', orderId, paymentId));
  }

  override async standing(orderId: string): Promise<Standing> {
    if (this.ledgerAway) throw away();
    const found = this.#authorisations.get(orderId);
    if (!found) return { status: 'none' };
    if (found.status === 'declined') return { status: 'declined', reason: found.reason };
    const settled = this.#settled.get(orderId);
    const status = settled === undefined ? 'authorised' : settled === 'capture' ? 'captured' : 'voided';
    return { status, paymentId: found.paymentId, amount: found.amount, currency: found.currency };
  }

  override async ledger(after: number): Promise<LedgerPage> {
    if (this.ledgerAway) throw away();
    const statuses = { authorisation: 'authorised', decline: 'declined', capture: 'captured', void: 'voided' } as const;
    const entries = this.rows
      .slice(after, after + 3)
      .map(({ entry, orderId }) => ({ orderId, status: statuses[entry] }));
    return entries.length > 0 ? { entries, last: after + entries.length } : { entries };
  }

  #settle(entry: 'capture' | 'void', orderId: string, paymentId: string): void {
    const held = this.#authorisations.get(orderId);
    const before = this.#settled.get(orderId);
    if (before === entry) return;
    if (before || held?.status !== 'authorised' || held.paymentId !== paymentId) {
      throw new DomainError('conflict', 'provider-refused', 'Nothing is held under this name.');
    }
    this.#settled.set(orderId, entry);
    this.rows.push({ entry, orderId });
  }

  async #answer<T>(work: () => T): Promise<T> {
    if (this.weather === 'away') throw away();
    const answer = work();
    if (this.weather === 'answers-lost') throw away();
    return answer;
  }
}

const away = () => new DomainError('unavailable', 'provider-unavailable', 'The payment provider does not answer.');

function answerOf(found: Authorisation): Authorisation {
  return found.status === 'authorised'
    ? { status: 'authorised', paymentId: found.paymentId }
    : { status: 'declined', reason: found.reason };
}
