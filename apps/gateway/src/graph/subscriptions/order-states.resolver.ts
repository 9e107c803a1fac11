import { Args, Context, ID, Int, Resolver, Subscription } from '@nestjs/graphql';
import { id, orderStatesQuery, type OrderStateView } from '@shop/contracts';
import { CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import type { SocketContext } from '../context.ts';
import { OrderState } from '../schema/order.ts';
import { validated } from '../validated.ts';
import { OrderStates } from './order-states.ts';

@Resolver()
export class OrderStatesResolver {
  constructor(private readonly states: OrderStates) {}

  @Subscription(() => OrderState, {
    description:
      'What becomes of one of your orders: its present state, then one for each of its events, until it is confirmed or cancelled.',
    resolve: (state: OrderStateView) => state,
  })
  @RequireScope('orders:read')
  orderState(
    @CurrentPrincipal() { token }: Principal,
    @Args('id', { type: () => ID }) wanted: string,
    @Context() { ends }: SocketContext,
    @Args('after', {
      type: () => Int,
      nullable: true,
      description: 'The last version that you have seen: you get every one after it, and no other.',
    })
    after?: number | null,
  ): Promise<AsyncGenerator<OrderStateView>> {
    const seen = validated(orderStatesQuery.shape.after, 'after', after ?? undefined);
    return this.states.follow({ id: validated(id, 'id', wanted), after: seen, token, ends });
  }
}
