import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { orderStates, type OrderStateView } from '@shop/contracts';
import { problemOf } from '@shop/platform';
import { Orders } from '../../upstreams.ts';

/** Whose order is followed, from where on, and until when at most. */
export interface Followed {
  readonly id: string;
  /** The last version that was seen; without it the present state comes first. */
  readonly after: number | undefined;
  /** The follower's own: orders checks with every read that the order is theirs. */
  readonly token: string;
  readonly ends: AbortSignal;
}

/**
 * How long until an order is looked at again, in ms: soon after something happened, later and later while nothing does.
 */
const [SOON, LATE, GROWTH] = [100, 2_000, 1.5];

/**
 * What becomes of an order, as orders itself says: each read asks for everything after the version seen last, so there
 * are no gaps, no steps back, and nothing that another instance, a broker or a cache could lose (docs/adr/0019).
 */
@Injectable()
export class OrderStates {
  constructor(private readonly orders: Orders) {}

  /** Throws at once where there is nothing to follow. */
  async follow(followed: Followed): Promise<AsyncGenerator<OrderStateView>> {
    return this.from(followed, await this.read(followed, followed.after));
  }

  private async *from(followed: Followed, first: readonly OrderStateView[]): AsyncGenerator<OrderStateView> {
    let [seen, pause, news] = [followed.after, SOON, first];
    for (;;) {
      for (const state of news) {
        seen = state.version;
        yield state;
        if (isLast(state)) return;
      }
      pause = news.length > 0 ? SOON : Math.min(pause * GROWTH, LATE);
      // Ends with the socket, also in the middle of a pause.
      const goesOn = await sleep(pause, true, { signal: followed.ends, ref: false }).catch(() => false);
      if (!goesOn) return;
      news = await this.read(followed, seen).catch(unlessPassing);
    }
  }

  private async read({ id, token }: Followed, after: number | undefined): Promise<readonly OrderStateView[]> {
    return (
      await this.orders.request({
        method: 'GET',
        path: `/orders/${id}/states`,
        query: { after },
        token,
        schema: orderStates,
      })
    ).body.items;
  }
}

/** Nothing that matters to a customer comes after these. */
const isLast = ({ status }: OrderStateView) => status === 'confirmed' || status === 'cancelled';

/** Orders is away: its news can wait, and none of it is lost. */
function unlessPassing(error: unknown): readonly OrderStateView[] {
  if (problemOf(error, {}).problem.status === 503) return [];
  throw error;
}
