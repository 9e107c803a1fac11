import { fold } from '@shop/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { order, type OrderCommand, type OrderEvent } from './order.ts';
import { patience, steps, type SagaStep } from './saga.ts';

/**
 * The saga against models of catalog and payments, over every interleaving that the buses allow: steps to one service and its replies
 * arrive in order, everything else in any order, anything twice, and the customer or the deadline may end the order at any moment.
 */
class World {
  readonly events: OrderEvent[] = [];
  readonly toCatalog: SagaStep[] = [];
  readonly toPayments: SagaStep[] = [];
  readonly fromCatalog: OrderCommand[] = [];
  readonly fromPayments: OrderCommand[] = [];
  stock: 'free' | 'reserved' | 'sold' | 'closed' = 'free';
  money: 'none' | 'held' | 'taken' | 'declined' | 'void' = 'none';

  constructor(
    readonly inStock: boolean,
    readonly solvent: boolean,
  ) {
    this.tell({
      type: 'PlaceOrder',
      orderId: 'o1',
      customerId: 'c1',
      lines: [{ productId: 'mug', quantity: 1 }],
      products: new Map([['mug', { id: 'mug', name: 'Mug', price: 1250, currency: 'EUR' }]]),
      paymentToken: 'tok_1',
    });
  }

  get state() {
    return fold(order, this.events);
  }

  tell(command: OrderCommand): void {
    let decided: readonly OrderEvent[] = [];
    try {
      decided = order.decide(this.state, command);
    } catch {
      return; // a cancellation that came too late
    }
    for (const event of decided) {
      this.events.push(event);
      for (const step of steps(event)) (step.endsWith('stock') ? this.toCatalog : this.toPayments).push(step);
    }
  }

  /** One move of the world; answers whether there was anything to do. */
  move(choice: number, twice: boolean): boolean {
    const moves = [
      this.toCatalog.length > 0 && (() => this.catalog(take(this.toCatalog, twice))),
      this.toPayments.length > 0 && (() => this.payments(take(this.toPayments, twice))),
      this.fromCatalog.length > 0 && (() => this.tell(take(this.fromCatalog, twice))),
      this.fromPayments.length > 0 && (() => this.tell(take(this.fromPayments, twice))),
    ].filter((move) => move !== false);
    moves[choice % Math.max(1, moves.length)]?.();
    return moves.length > 0;
  }

  private catalog(step: SagaStep): void {
    if (step === 'reserve-stock' && this.stock === 'free') {
      this.stock = this.inStock ? 'reserved' : 'closed';
      this.fromCatalog.push(this.inStock ? { type: 'NoteStockReserved' } : { type: 'NoteStockRefused', productIds: ['mug'] });
    }
    if (step === 'release-stock' && this.stock !== 'sold') this.stock = 'closed';
    if (step === 'commit-stock') {
      expect(this.stock === 'reserved' || this.stock === 'sold').toBe(true);
      this.stock = 'sold';
    }
  }

  private payments(step: SagaStep): void {
    if (step === 'authorise-payment' && this.money === 'none') {
      this.money = this.solvent ? 'held' : 'declined';
      this.fromPayments.push(this.solvent ? { type: 'NotePaymentAuthorised', paymentId: 'p1' } : { type: 'NotePaymentDeclined', reason: 'card' });
    }
    if (step === 'void-payment' && this.money !== 'taken' && this.money !== 'declined') this.money = 'void';
    if (step === 'capture-payment') {
      expect(this.money === 'held' || this.money === 'taken').toBe(true);
      this.money = 'taken';
    }
  }
}

/** The head of a queue; left there when it is to be delivered twice. */
function take<T>(queue: T[], twice: boolean): T {
  return (twice ? queue[0] : queue.shift()) as T;
}

describe('the saga', () => {
  const moves = fc.array(fc.record({ choice: fc.nat(3), twice: fc.boolean(), interrupt: fc.constantFrom('none', 'none', 'none', 'customer', 'deadline') }), { maxLength: 40 });

  it('ends with everything sold and paid, or with nothing held, whatever the interleaving', () =>
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), moves, (inStock, solvent, schedule) => {
        const world = new World(inStock, solvent);
        for (const { choice, twice, interrupt } of schedule) {
          if (interrupt === 'customer') world.tell({ type: 'CancelOrder' });
          if (interrupt === 'deadline' && patience(world.state) !== undefined) world.tell({ type: 'ExpireOrder' });
          world.move(choice, twice);
        }
        while (world.move(0, false));
        const { status } = world.state;
        if (status === 'confirmed') expect([world.stock, world.money]).toEqual(['sold', 'taken']);
        else {
          expect(status).toBe('cancelled');
          expect(world.stock).toBe('closed');
          expect(['none', 'void', 'declined']).toContain(world.money);
        }
        expect(patience(world.state)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    ));
});
