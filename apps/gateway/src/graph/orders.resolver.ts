import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { id, orderPage, orderView, placeOrder, type OrderView } from '@shop/contracts';
import { checkedKey, CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import { z } from 'zod';
import { ifMatch } from '../answer.ts';
import { Orders } from '../upstreams.ts';
import type { GraphContext } from './context.ts';
import { page } from './page.ts';
import { CancellationReason } from './schema/enums.ts';
import { Order, OrderLine, OrderPage, PlaceOrderInput } from './schema/order.ts';
import { Product } from './schema/product.ts';
import { validated } from './validated.ts';

const version = z.int().min(1).optional();

@Resolver(() => Order)
export class OrdersResolver {
  constructor(private readonly upstream: Orders) {}

  @Query(() => OrderPage, { nullable: true, description: 'Your orders, newest first.' })
  @RequireScope('orders:read')
  async orders(
    @CurrentPrincipal() { token }: Principal,
    @Args('limit', { type: () => Int, defaultValue: 20, description: 'From 1 to 100.' }) limit: number,
    @Args('after', { type: () => String, nullable: true }) after?: string,
  ): Promise<OrderPage> {
    const query = page(limit, after);
    return (await this.upstream.request({ method: 'GET', path: '/orders', query, token, schema: orderPage })).body;
  }

  @Query(() => Order, { nullable: true, description: 'One of your orders as it is now.' })
  @RequireScope('orders:read')
  async order(
    @CurrentPrincipal() { token }: Principal,
    @Args('id', { type: () => ID }) wanted: string,
  ): Promise<Order> {
    const path = `/orders/${validated(id, 'id', wanted)}`;
    return (await this.upstream.request({ method: 'GET', path, token, schema: orderView })).body;
  }

  @Mutation(() => Order, {
    description:
      'Places an order and answers as soon as it is recorded; watch `orderState` for the rest. The same key again gets the same answer.',
  })
  @RequireScope('orders:write')
  async placeOrder(
    @CurrentPrincipal() { token }: Principal,
    @Args('input') input: PlaceOrderInput,
    @Context() { request }: GraphContext,
    @Args('idempotencyKey', {
      type: () => String,
      nullable: true,
      description: 'Your own name for this attempt; or the header Idempotency-Key.',
    })
    key?: string | null,
  ): Promise<Order> {
    const body = validated(placeOrder, 'input', input);
    const header = request.headers['idempotency-key'] as string | undefined;
    const headers = {
      'idempotency-key': key ? checkedKey(key, '/idempotencyKey') : checkedKey(header, '/headers/idempotency-key'),
    };
    return (
      await this.upstream.request({
        method: 'POST',
        path: '/orders',
        body,
        headers,
        token,
        schema: orderView,
        idempotent: true,
      })
    ).body;
  }

  @Mutation(() => Order, { description: 'Said twice it changes nothing. A confirmed order cannot be cancelled.' })
  @RequireScope('orders:write')
  async cancelOrder(
    @CurrentPrincipal() { token }: Principal,
    @Args('id', { type: () => ID }) wanted: string,
    @Args('ifVersion', {
      type: () => Int,
      nullable: true,
      description: 'The version that you have seen: if it has changed since, nothing happens.',
    })
    ifVersion?: number | null,
  ): Promise<Order> {
    const path = `/orders/${validated(id, 'id', wanted)}/cancellation`;
    const headers = ifMatch(validated(version, 'ifVersion', ifVersion ?? undefined));
    return (await this.upstream.request({ method: 'POST', path, body: {}, headers, token, schema: orderView })).body;
  }

  @ResolveField(() => [OrderLine])
  async lines(@Parent() order: Order, @Context() context: GraphContext): Promise<OrderLine[]> {
    return (await whole(order, context)).lines;
  }

  @ResolveField(() => CancellationReason, { nullable: true })
  async cancellation(@Parent() order: Order, @Context() context: GraphContext): Promise<OrderView['cancellation']> {
    return order.status === 'cancelled' ? (await whole(order, context)).cancellation : undefined;
  }
}

@Resolver(() => OrderLine)
export class OrderLinesResolver {
  @ResolveField(() => Product, { nullable: true, description: 'As it is on sale now; null when it no longer is.' })
  product(@Parent() { productId }: OrderLine, @Context() { loads }: GraphContext): Promise<Product | undefined> {
    return loads.product(productId);
  }
}

/** Lists hold what lists show; the rest is read when somebody asks for it. */
function whole(order: Order | OrderView, { loads, request }: GraphContext): Promise<OrderView> {
  if ('lines' in order) return Promise.resolve(order);
  return loads.order(order.id, request.principal?.token ?? '');
}
