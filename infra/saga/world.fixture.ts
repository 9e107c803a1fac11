import { DomainError, fold } from '@shop/kernel';
import {
  awaits,
  lookAfter,
  order,
  remedy,
  steps,
  type OrderCommand,
  type OrderEvent,
  type SagaStep,
} from '@shop/orders';
import { isOpen, moneyMove, payment, stands, type PaymentEvent } from '@shop/payments';
import {
  commandOf,
  diceOf,
  isAboutStock,
  lanesOf,
  newCase,
  placing,
  type Case,
  type Hand,
  type Heard,
  type Lane,
} from './case.fixture.ts';
import { ProviderBooks, SETTLES_WITHIN_MS, StockBooks, Violation, type StockStep } from './books.fixture.ts';

/** The product's own rules, each of which a test may replace by a wrong one to see that it is found. */
export interface Rules {
  readonly order: typeof order;
  readonly steps: typeof steps;
  readonly awaits: typeof awaits;
  readonly remedy: typeof remedy;
  readonly stands: typeof stands;
  readonly payment: typeof payment;
  readonly moneyMove: typeof moneyMove;
  /** For how long what payments has read may be acted on outside. */
  readonly readIsGoodForMs: number;
}
export const rules: Rules = { order, steps, awaits, remedy, stands, payment, moneyMove, readIsGoodForMs: 6_000 };

/** How long an open outcome is left to whoever looks at it (apps/payments/src/payment-rows.ts). */
const LEASE_MS = 12_000;

/**
 * The whole shop about a few orders, in memory: the product's own rules, ports that keep their promises and not more,
 * and a scheduler that a seed drives. Steps to one service, and its replies, arrive in order for each order; everything
 * else happens in any order, twice, late or half, and anybody may die between any two lines. In some worlds what is
 * asked for, and what is answered, is lost on its way now and then.
 */
export class World {
  now = 0;
  readonly story: string[] = [];
  readonly #dice: () => number;
  readonly #rules: Rules;
  readonly #stock: StockBooks;
  readonly #provider: ProviderBooks;
  readonly #cases: Case[];
  #hands: Hand[] = [];
  /** Whether inboxes are older than their retention: then the rules alone have to bear repetition. */
  readonly #forgetful: boolean;
  /** How likely who has begun something stands still. */
  readonly #sluggish: number;
  /** How likely a message is lost on its way. */
  readonly #lossy: number;

  constructor(seed: number, theRules: Rules = rules) {
    this.#dice = diceOf(seed);
    this.#rules = theRules;
    const insolvent = this.#chance(0.25);
    this.#stock = new StockBooks(this.#pick(5));
    this.#provider = new ProviderBooks(this.#dice, (id) => !(insolvent && id === 'order 1'));
    this.#forgetful = this.#chance(0.3);
    this.#sluggish = this.#chance(0.3) ? 0.9 : 0;
    this.#lossy = this.#chance(0.4) ? 0.4 : 0;
    this.#cases = Array.from({ length: 1 + this.#pick(3) }, (_, index) => newCase(`order ${index + 1}`));
    for (const each of this.#cases) this.#tell(each, placing(each.id));
  }

  /** Lives through so many accidents, then lets everything come to rest, and looks. Throws Violation. */
  live(accidents = 10 + this.#pick(60)): void {
    for (let step = 0; step < accidents; step++) this.#anything();
    this.#provider.calm = true;
    // Who stands still longest wakes up when everybody else has long finished.
    const asleep = this.#sluggish > 0 ? this.#hands.splice(0) : [];
    for (const { toPayments } of this.#cases) toPayments.setBack(toPayments.at);
    this.#comeToRest();
    this.#hands.push(...asleep);
    this.#comeToRest();
    for (const each of this.#cases) this.#judge(each);
    const { free, reserved, sold } = this.#stock;
    const confirmed = this.#cases.filter(({ state }) => state.status === 'confirmed').length;
    if (free < 0 || reserved !== 0 || sold !== confirmed)
      throw new Violation(`${confirmed} orders are confirmed; stock: ${free} free, ${reserved} reserved, ${sold} sold`);
  }

  #comeToRest(): void {
    for (let step = 0; this.#settle(); step++) if (step > 2_000) throw new Violation('does not come to rest');
  }

  #anything(): void {
    const one = this.#cases[this.#pick(this.#cases.length)] as Case;
    const lanes = lanesOf(one);
    const full = lanes.flatMap(({ head }, index) => (head ? [index] : []));
    switch (this.#pick(16)) {
      case 0:
        return this.#chance(0.2) ? this.#tell(one, { type: 'CancelOrder' }) : undefined;
      case 1: {
        const lane = lanes[this.#pick(lanes.length)] as Lane<unknown>;
        lane.setBack(this.#pick(lane.at + 1));
        if (this.#forgetful && this.#chance(0.5)) lane.inbox.clear();
        return;
      }
      case 2:
        return this.#passTime([1_000, 2_000, 10_000, 10_000, 30_000, 200_000][this.#pick(6)] as number);
      case 3:
        return this.#lookAfter(one);
      case 4:
      case 5:
        return this.#look(one);
      case 6:
      case 7:
      case 8:
      case 9:
        return this.#chance(this.#sluggish) ? undefined : this.#goOn(this.#pick(this.#hands.length), this.#chance(0.2));
      default:
        return full.length > 0 ? this.#deliver(one, full[this.#pick(full.length)] as number) : undefined;
    }
  }

  /** One thing that still has to happen; false when there is none. */
  #settle(): boolean {
    if (this.#hands.length > 0) return (this.#goOn(0, false), true);
    for (const each of this.#cases) {
      const waiting = lanesOf(each).findIndex((lane) => lane.head);
      if (waiting >= 0) return (this.#deliver(each, waiting), true);
    }
    const due = this.#cases
      .flatMap(({ awaited, open }) => [awaited?.dueAt, open?.dueAt])
      .filter((at) => at !== undefined);
    if (due.length === 0) return false;
    this.#passTime(Math.max(0, Math.min(...due) - this.now));
    for (const each of this.#cases) {
      this.#look(each);
      this.#lookAfter(each);
    }
    return true;
  }

  #passTime(ms: number): void {
    this.now += ms;
    this.#provider.passTime(this.now);
    this.#note(`${ms / 1_000} s pass`);
  }

  #deliver(one: Case, lane: number): void {
    if (lane === 0) this.#consume(one.toCatalog, (step) => this.#catalog(one, step));
    else if (lane === 1) this.#begin(one);
    else this.#consume(lane === 2 ? one.toOrders.catalog : one.toOrders.payments, (heard) => this.#hear(one, heard));
  }

  /** One statement or transaction: it has its effect once, whatever dies afterwards. */
  #consume<T>(lane: Lane<T>, handle: (body: T) => void): void {
    const message = lane.head;
    if (!message) return;
    if (!lane.inbox.has(message.id)) handle(message.body);
    lane.inbox.add(message.id);
    // Dying before the acknowledgement means to read it again.
    if (this.#provider.calm || !this.#chance(0.1)) lane.done(message);
  }

  /** Orders: the decider, its steps, its deadline. */
  #tell(one: Case, command: OrderCommand): void {
    let decided: readonly OrderEvent[] = [];
    try {
      decided = this.#rules.order.decide(one.state, command);
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'order-not-cancellable')) throw error;
    }
    this.#note(`${one.id}: ${command.type} → ${decided.map(({ type }) => type).join(', ') || 'nothing'}`);
    if (decided.length === 0) return;
    for (const event of decided) {
      one.events.push(event);
      one.state = this.#rules.order.evolve(one.state, event);
      this.#ask(one, this.#rules.steps(event));
    }
    const steps = this.#rules.awaits(one.state);
    one.awaited = steps.length > 0 ? { steps, asked: 1, since: this.now, dueAt: this.now + lookAfter(1) } : undefined;
  }

  #ask(one: Case, steps: readonly SagaStep[]): void {
    for (const step of steps) {
      if (this.#isLost(`${one.id}: ${step}`)) continue;
      if (isAboutStock(step)) one.toCatalog.push(step);
      else one.toPayments.push(step);
    }
  }

  #answer(one: Case, lane: Lane<Heard>, heard: Heard): void {
    if (!this.#isLost(`${one.id}: the answer ${heard.type}`)) lane.push(heard);
  }

  #isLost(what: string): boolean {
    const lost = !this.#provider.calm && this.#chance(this.#lossy);
    if (lost) this.#note(`${what} is lost on its way`);
    return lost;
  }

  #hear(one: Case, heard: Heard): void {
    if (heard.type !== 'Answered') return this.#tell(one, heard);
    const { awaited } = one;
    if (!awaited?.steps.includes(heard.step)) return;
    const steps = awaited.steps.filter((step) => step !== heard.step);
    one.awaited = steps.length > 0 ? { ...awaited, steps } : undefined;
  }

  /** Orders takes an order that is late, and asks again, or gives it up. */
  #lookAfter(one: Case): void {
    const { awaited } = one;
    if (!awaited || awaited.dueAt > this.now) return;
    const what = this.#rules.remedy(one.state, {
      awaited: awaited.steps,
      asked: awaited.asked,
      waitedMs: this.now - awaited.since,
    });
    if (what.type === 'give-up') return this.#tell(one, { type: 'ExpireOrder' });
    this.#note(`${one.id}: asked for again: ${what.steps.join(', ')}`);
    one.awaited = { ...awaited, asked: awaited.asked + 1, dueAt: this.now + what.lookInMs };
    this.#ask(one, what.steps);
  }

  #catalog(one: Case, step: StockStep): void {
    const outcome = this.#stock.take(step, one.id);
    this.#note(`${one.id}: catalog ${step} → ${outcome}`);
    const answers: Record<typeof outcome, Heard> = {
      reserved: { type: 'NoteStockReserved' },
      refused: { type: 'NoteStockRefused', productIds: ['mug'] },
      released: { type: 'Answered', step: 'release-stock' },
      committed: { type: 'Answered', step: 'commit-stock' },
    };
    this.#answer(one, one.toOrders.catalog, answers[outcome]);
  }

  /** Payments reads a message and its row. */
  #begin(one: Case): void {
    const message = one.toPayments.head;
    if (!message) return;
    if (one.toPayments.inbox.has(message.id)) return one.toPayments.done(message);
    const { turn } = one.toPayments;
    // One instance has one message of a key in hand; two instances may have the same one.
    if (this.#hands.some((hand) => hand.message === message && hand.turn === turn)) return;
    this.#hands.push({
      of: one,
      state: one.payment,
      command: commandOf(message.body),
      readAt: this.now,
      message,
      turn,
    });
  }

  /** Payments takes an open outcome that is due, and reads the ledger. */
  #look(one: Case): void {
    const { open } = one;
    if (!open || open.dueAt > this.now) return;
    const unwanted = one.payment.status === 'unknown' && one.payment.unwanted;
    const quiet = unwanted && open.askedBy + SETTLES_WITHIN_MS < this.now;
    one.open = { askedBy: unwanted ? open.askedBy : this.now + LEASE_MS, dueAt: this.now + LEASE_MS };
    const standing = this.#provider.standing(one.id);
    this.#note(`${one.id}: the ledger says ${standing.status}${quiet ? ', and the provider is quiet' : ''}`);
    this.#hands.push({
      of: one,
      state: one.payment,
      command: { type: 'Reconcile', standing, quiet },
      readAt: this.now,
      message: undefined,
      turn: 0,
    });
  }

  /**
   * It asks the provider, decides, and writes what it decided if its row is still what it was; or it dies after it has
   * asked.
   */
  #goOn(which: number, dies: boolean): void {
    const hand = this.#hands[which];
    if (!hand) return;
    this.#hands.splice(which, 1);
    const { of: one, state, command, message } = hand;
    const move = this.#rules.moneyMove(state, command);
    if (move && this.now - hand.readAt > this.#rules.readIsGoodForMs) return;
    const answer = move && this.#provider.ask(one.id, move, this.now);
    if (move)
      this.#note(
        `${one.id}: the provider is asked to ${move.type} → ${answer?.status}${dies ? '; payments dies' : ''}`,
      );
    if (dies) return;
    const decided = this.#rules.payment.decide(state, answer ? { ...command, answer } : command);
    if (message && one.toPayments.inbox.has(message.id)) return one.toPayments.done(message);
    if (one.payment !== state) return; // changed meanwhile: read again
    this.#note(`${one.id}: payments ${command.type} → ${decided.map(({ type }) => type).join(', ') || 'nothing'}`);
    this.#write(one, decided);
    const standing = message && decided.length === 0 ? this.#rules.stands(state) : undefined;
    if (standing) this.#announce(one, standing);
    if (!message) return;
    one.toPayments.inbox.add(message.id);
    one.toPayments.done(message);
  }

  #write(one: Case, decided: readonly PaymentEvent[]): void {
    const before = one.payment;
    one.payment = fold(this.#rules.payment, decided, before);
    for (const event of decided) this.#announce(one, event);
    if (!isOpen(one.payment)) one.open = undefined;
    else one.open = { askedBy: one.open?.askedBy ?? this.now, dueAt: this.now + 1_000 };
  }

  #announce(one: Case, event: PaymentEvent): void {
    const tell = (heard: Heard) => this.#answer(one, one.toOrders.payments, heard);
    if (event.type === 'PaymentAuthorised') tell({ type: 'NotePaymentAuthorised', paymentId: event.paymentId });
    if (event.type === 'PaymentDeclined') tell({ type: 'NotePaymentDeclined', reason: event.reason });
    if (event.type === 'PaymentCaptured') tell({ type: 'Answered', step: 'capture-payment' });
    if (event.type === 'PaymentVoided') tell({ type: 'Answered', step: 'void-payment' });
  }

  /** Everybody's books about one order, compared with the provider's ledger. */
  #judge({ id, state, payment: books, open, awaited }: Case): void {
    const [ledger, stock] = [this.#provider.entries(id).join(', '), this.#stock.reservations.get(id)];
    const told = `${id} is ${state.status}, its stock ${stock}, its payment ${books.status}; the provider's ledger: ${ledger || 'nothing'}`;
    const sold =
      state.status === 'confirmed' &&
      stock === 'committed' &&
      books.status === 'captured' &&
      ledger === 'authorisation, capture';
    const nothingHeld = ['', 'decline', 'authorisation, void'].includes(ledger);
    const givenBack = state.status === 'cancelled' && stock === 'released' && books.status === 'voided' && nothingHeld;
    if (!sold && !givenBack) throw new Violation(told);
    if (open || awaited) throw new Violation(`${told}; something is still awaited`);
  }

  #note(what: string): void {
    this.story.push(what);
  }

  #pick(count: number): number {
    return Math.floor(this.#dice() * count);
  }

  #chance(probability: number): boolean {
    return this.#dice() < probability;
  }
}
