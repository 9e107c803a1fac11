import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import {
  id,
  orderQuery,
  placeOrder,
  type OrderHistory,
  type OrderPage,
  type OrderQuery,
  type OrderView,
  type PlaceOrder,
} from '@shop/contracts';
import { CurrentPrincipal, IdempotencyKey, IfMatch, RequireScope, type Principal } from '@shop/platform';
import { OrderList } from './order-list.ts';
import { Orders, type Reader } from './orders.ts';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: Orders,
    private readonly list: OrderList,
  ) {}

  @Post()
  @RequireScope('orders:write')
  async place(
    @CurrentPrincipal() { subject }: Principal,
    @IdempotencyKey() key: string,
    @Body({ schema: placeOrder }) body: PlaceOrder,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderView> {
    const { view, replayed } = await this.orders.place(subject, key, body);
    reply.header('location', `/v1/orders/${view.id}`);
    if (replayed) reply.header('idempotency-replayed', 'true');
    return tagged(reply, view);
  }

  @Get()
  @RequireScope('orders:read')
  page(
    @CurrentPrincipal() { subject }: Principal,
    @Query({ schema: orderQuery }) query: OrderQuery,
  ): Promise<OrderPage> {
    return this.list.page(subject, query);
  }

  @Get(':id')
  @RequireScope('orders:read')
  async get(
    @CurrentPrincipal() who: Principal,
    @Param('id', { schema: id }) order: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return tagged(reply, await this.orders.get(readerOf(who), order));
  }

  @Get(':id/history')
  @RequireScope('orders:read')
  history(@CurrentPrincipal() who: Principal, @Param('id', { schema: id }) order: string): Promise<OrderHistory> {
    return this.orders.history(readerOf(who), order);
  }

  @Post(':id/cancellation')
  @HttpCode(200)
  @RequireScope('orders:write')
  async cancel(
    @CurrentPrincipal() { subject }: Principal,
    @Param('id', { schema: id }) order: string,
    @Body({ schema: z.object({}) }) _: object,
    @IfMatch() ifVersions: readonly number[] | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderView> {
    return tagged(reply, await this.orders.cancel(subject, order, ifVersions));
  }
}

const readerOf = ({ subject, roles }: Principal): Reader => ({
  subject,
  servesCustomers: roles.has('support') || roles.has('admin'),
});

function tagged(reply: FastifyReply, view: OrderView): OrderView {
  reply.header('etag', `"${view.version}"`);
  return view;
}
