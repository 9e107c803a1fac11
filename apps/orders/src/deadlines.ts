import { Injectable } from '@nestjs/common';
import { consumers } from '@shop/contracts';
import {
  AwaitedAnswers,
  EventStore,
  forgetKeys,
  LookedThrough,
  MessageBus,
  Outbox,
  type End,
  type Overdue,
} from '@shop/eventing';
import { DomainError, fold } from '@shop/kernel';
import { Database, Health, Logger, Recurring } from '@shop/platform';
import { setTimeout as sleep } from 'node:timers/promises';
import { order, type Order, type OrderEvent } from './domain/order.ts';
import { remedy, type Remedy, type SagaStep } from './domain/saga.ts';
import { askAgain } from './order-process.ts';
import { Orders } from './orders.ts';
import { SagaMetrics } from './saga-metrics.ts';

const AT_ONCE = 100;
/** How often it is noted that the bus answers, and steps without an answer are counted. */
const LOOK_AT_BUS_EVERY_MS = 5_000;
/** A step that has been asked for so often without an answer is told of: after a minute and a half. */
const ALARM_AFTER_ASKED = 2;
/** How long an answer may be awaited before it counts as missing. */
const MISSING_AFTER_MS = 60_000;
/** How long one look waits until everything on the topics has been read, and how often it asks. */
const [READ_WITHIN_MS, ASK_EVERY_MS] = [10_000, 250];
const GROUP = 'orders.saga';

interface Late {
  readonly overdue: Overdue;
  readonly state: Order;
  readonly remedy: Remedy;
}

/**
 * Looks after steps whose answer did not come in time: asks for them again, and gives up orders that have waited long
 * enough, once everything that was said by then has been read. Time in which nobody could have answered does not count
 * (docs/adr/0041). The deadlines are rows, so they outlive crashes; each is one instance's at a time. Also forgets
 * idempotency keys after their day.
 */
@Injectable()
export class Deadlines extends Recurring {
  protected readonly lookAtBusEveryMs: number = LOOK_AT_BUS_EVERY_MS;
  private readonly keysLooked = new LookedThrough();
  private busLookedAt = -Infinity;
  private busAnswers = false;
  /** What was told last, apart from what is so: a question that failed half-way must not hide the next line. */
  private toldAway = false;

  constructor(
    private readonly store: EventStore,
    private readonly orders: Orders,
    private readonly database: Database,
    private readonly answers: AwaitedAnswers,
    private readonly bus: MessageBus,
    private readonly outbox: Outbox,
    private readonly metrics: SagaMetrics,
    private readonly log: Logger,
    health: Health,
  ) {
    super({ what: 'deadlines', everyMs: 1_000, staleAfterMs: 60_000, log, health });
  }

  protected override async look(stopping: AbortSignal): Promise<void> {
    if (performance.now() - this.busLookedAt >= this.lookAtBusEveryMs) await this.lookAtBus();
    // While nobody can answer, nobody is late.
    if (this.busAnswers) await this.lookAtAnswers(stopping);
    await forgetKeys(this.database, this.keysLooked);
  }

  /**
   * No deadline is judged from here until the bus has answered and the time of an outage is given back to every
   * deadline.
   */
  private async lookAtBus(): Promise<void> {
    this.busAnswers = false;
    const trouble = await this.bus.end(GROUP, consumers[GROUP]).then(
      () => undefined,
      (error: unknown) => ({ err: error }),
    );
    if (trouble === undefined) {
      const lostMs = await this.answers.possible();
      if (lostMs > 0) this.log.warn({ lostMs }, 'no answer could come for a while: deadlines moved by as much');
      this.busAnswers = true;
      this.toldAway = false;
    } else if (!this.toldAway) {
      this.log.warn(trouble, 'the bus does not answer: meanwhile no deadline passes');
      this.toldAway = true;
    }
    this.busLookedAt = performance.now();
    if (this.busAnswers) this.metrics.unanswered(await this.answers.unanswered(MISSING_AFTER_MS));
  }

  private async lookAtAnswers(stopping: AbortSignal): Promise<void> {
    const overdue = await this.answers.due(AT_ONCE);
    if (overdue.length === 0 || stopping.aborted) return;
    const [streams, unpublished] = await Promise.all([
      this.store.loadMany<OrderEvent>(overdue.map(({ stream }) => stream)),
      this.answers.unpublished(overdue.map(({ stream }) => stream)),
    ]);
    const late = overdue.flatMap((one): Late[] => {
      const events = streams.get(one.stream) ?? [];
      // It has moved on, and waits for something else.
      if (unpublished.has(one.stream) || events.length !== one.version) return [];
      const state = this.stateOf(
        one,
        events.map(({ event }) => event),
      );
      return state ? [{ overdue: one, state, remedy: remedy(state, one) }] : [];
    });
    await this.askAgain(late);
    await this.giveUp(
      late.filter(({ remedy: { type } }) => type === 'give-up'),
      stopping,
    );
  }

  /** An order that cannot be read, whatever is wrong with it, keeps no other from anything. */
  private stateOf({ stream }: Overdue, events: readonly OrderEvent[]): Order | undefined {
    try {
      return fold(order, events);
    } catch (error) {
      this.log.error({ err: error, order: stream }, 'order could not be looked after');
      return undefined;
    }
  }

  private async askAgain(late: readonly Late[]): Promise<void> {
    const silent = late.filter(({ remedy: { type } }) => type === 'ask-again');
    if (silent.length === 0) return;
    const asked: { order: string; steps: readonly SagaStep[]; asked: number }[] = [];
    await this.database.transaction(async (tx) => {
      for (const { overdue, state, remedy: what } of inLockOrder(silent)) {
        if (what.type !== 'ask-again' || !(await this.answers.askedAgain(tx, overdue, what.lookInMs))) continue;
        await this.outbox.add(tx, askAgain(what.steps, state));
        asked.push({ order: overdue.stream, steps: what.steps, asked: overdue.asked });
      }
    });
    this.outbox.wake();
    for (const { steps } of asked) this.metrics.askedAgain(steps);
    const alarming = asked.filter(({ asked: times }) => times >= ALARM_AFTER_ASKED);
    if (alarming.length > 0)
      this.log.error(
        { orders: alarming.length, some: alarming.slice(0, 5) },
        'steps of orders are not answered, though they were asked for again',
      );
  }

  /** Only once what had been said by then is read: the answer may lie on the topic. */
  private async giveUp(late: readonly Late[], stopping: AbortSignal): Promise<void> {
    if (late.length === 0 || !(await this.isRead(await this.bus.end(GROUP, consumers[GROUP]), stopping))) return;
    for (const { overdue } of late) {
      if (stopping.aborted) return;
      await this.expire(overdue);
    }
  }

  private async isRead(end: End, stopping: AbortSignal): Promise<boolean> {
    for (const until = performance.now() + READ_WITHIN_MS; !stopping.aborted; await sleep(ASK_EVERY_MS)) {
      if (await end.isReached()) return true;
      if (performance.now() > until) break;
    }
    this.log.warn(
      { group: GROUP },
      'orders are late, and what may be their answers is not read yet: they are not given up',
    );
    return false;
  }

  private async expire({ stream, version }: Overdue): Promise<void> {
    try {
      await this.orders.expire(stream, version);
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'unavailable') throw error;
      this.log.error({ err: error, order: stream }, 'order could not be given up');
    }
  }
}

/** Rows of deadlines are locked by stream everywhere, so that no two transactions wait for each other. */
const inLockOrder = (late: readonly Late[]) =>
  late.toSorted((one, other) => (one.overdue.stream < other.overdue.stream ? -1 : 1));
