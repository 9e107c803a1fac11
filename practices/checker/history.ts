import type { OrderStatus } from '@shop/contracts';
import type { Evidence, Line, StoredEvent } from './evidence.ts';

/** An order as its events tell it, folded here anew: the checker believes nobody else's fold. */
export interface History {
  readonly order: string;
  readonly events: readonly StoredEvent[];
  readonly customer: string;
  readonly lines: readonly Line[];
  readonly total: number;
  readonly currency: string;
  readonly status: OrderStatus;
}

const statusAfter: Readonly<Record<string, OrderStatus>> = {
  OrderPlaced: 'placed',
  StockReserved: 'reserved',
  OrderConfirmed: 'confirmed',
  OrderCancelled: 'cancelled',
};

/** Every order there is, by its id. */
export function ordersOf({ events }: Pick<Evidence, 'events'>): Map<string, History> {
  return new Map(
    [...Map.groupBy(events, ({ stream }) => stream)].map(([order, unordered]) => {
      const own = unordered.toSorted((a, b) => a.version - b.version);
      const { customerId, lines, total } = (own[0]?.data ?? {}) as {
        customerId: string;
        lines: Line[];
        total?: { amount: number; currency: string };
      };
      const status = own.reduce<OrderStatus>((before, { type }) => statusAfter[type] ?? before, 'placed');
      return [
        order,
        {
          order,
          events: own,
          customer: customerId,
          lines: lines ?? [],
          total: total?.amount ?? 0,
          currency: total?.currency ?? '',
          status,
        },
      ];
    }),
  );
}

export const hasEnded = ({ status }: Pick<History, 'status'>): boolean =>
  status === 'confirmed' || status === 'cancelled';
