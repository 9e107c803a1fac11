import { Injectable } from '@nestjs/common';
import type { Unanswered } from '@shop/eventing';
import { meter } from '@shop/platform';
import type { SagaStep } from './domain/saga.ts';

/** What an operator watches of the saga: steps that nobody answers, and what was done about it. */
@Injectable()
export class SagaMetrics {
  readonly #unanswered = meter().createGauge('shop.saga.unanswered', {
    unit: '{order}',
    description: 'Orders that have waited for the answer to a step for more than a minute',
  });
  readonly #askedAgain = meter().createCounter('shop.saga.asked_again', {
    unit: '{step}',
    description: 'Steps that were asked for once more, because no answer came',
  });
  readonly #differences = meter().createCounter('shop.books.differences', {
    unit: '{order}',
    description: 'Orders of which two books say different things',
  });
  readonly #told = new Set<string>();

  /** A level: steps that are answered by now are told as 0. */
  unanswered(levels: readonly Unanswered[]): void {
    for (const step of this.#told)
      if (levels.every((level) => level.step !== step)) this.#unanswered.record(0, { step });
    for (const { step, streams } of levels) {
      this.#told.add(step);
      this.#unanswered.record(streams, { step });
    }
  }

  bookDiffers(book: 'reservations' | 'payments'): void {
    this.#differences.add(1, { book });
  }

  askedAgain(steps: readonly SagaStep[]): void {
    for (const step of steps) this.#askedAgain.add(1, { step });
  }
}
