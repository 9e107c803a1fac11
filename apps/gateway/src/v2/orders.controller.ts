import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import {
  id,
  orderHistory,
  orderPage,
  orderPage2,
  orderQuery,
  orderView,
  orderView2,
  placeOrder,
  type OrderHistory,
  type OrderPage2,
  type OrderQuery,
  type OrderView2,
  type PlaceOrder,
} from '@shop/contracts';
import { CurrentPrincipal, IdempotencyKey, IfMatch, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { answer, ifMatch, linked } from '../answer.ts';
import { Operation } from '../docs/operation.ts';
import { strict } from '../strict.ts';
import { Orders } from '../upstreams.ts';
import { orderIn2, summaryIn2 } from './orders.ts';
import { pageIn2, told } from './page.ts';

const newOrder = strict(placeOrder);
const query = strict(orderQuery);
const nothing = z.strictObject({}).optional();

@Controller('v2/orders')
export class OrdersV2Controller {
  constructor(private readonly orders: Orders) {}

  @Post()
  @RequireScope('orders:write')
  @Operation({
    summary: 'Place an order',
    description: 'Answers as soon as the order is recorded. Stock and payment follow: read the order until it is confirmed or cancelled.',
    status: 201,
    answer: orderView2,
    sends: ['Location', 'ETag', 'Idempotency-Replayed'],
    takes: ['Idempotency-Key'],
    refuses: ['unknown-product', 'mixed-currencies', 'amount-too-large'],
  })
  place(
    @CurrentPrincipal() { token }: Principal,
    @IdempotencyKey() key: string,
    @Body({ schema: newOrder }) body: PlaceOrder,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderView2> {
    const headers = { 'idempotency-key': key };
    return told(answer(reply, this.orders.request({ method: 'POST', path: '/orders', body, headers, token, schema: orderView, idempotent: true })), orderIn2);
  }

  @Get()
  @RequireScope('orders:read')
  @Operation({ summary: 'Your orders', answer: orderPage2, sends: ['Link'] })
  list(
    @CurrentPrincipal() { token }: Principal,
    @Query({ schema: query }) query: OrderQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderPage2> {
    return told(linked(reply, answer(reply, this.orders.request({ method: 'GET', path: '/orders', query, token, schema: orderPage, idempotent: true }))), pageIn2(reply, summaryIn2));
  }

  @Get(':id')
  @RequireScope('orders:read')
  @Operation({ summary: 'One order as it is now', answer: orderView2, sends: ['ETag'], takes: ['If-None-Match'], refuses: ['order-not-found'] })
  get(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) order: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderView2> {
    return told(answer(reply, this.orders.request({ method: 'GET', path: `/orders/${order}`, token, schema: orderView, idempotent: true })), orderIn2);
  }

  @Get(':id/history')
  @RequireScope('orders:read')
  @Operation({ summary: 'What happened to an order, oldest first', answer: orderHistory, refuses: ['order-not-found'] })
  history(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) order: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderHistory> {
    return answer(reply, this.orders.request({ method: 'GET', path: `/orders/${order}/history`, token, schema: orderHistory, idempotent: true }));
  }

  @Post(':id/cancellation')
  @HttpCode(200)
  @RequireScope('orders:write')
  @Operation({
    summary: 'Cancel an order',
    description: 'Said twice it changes nothing. A confirmed order cannot be cancelled.',
    body: 'optional',
    answer: orderView2,
    sends: ['ETag'],
    takes: ['If-Match'],
    refuses: ['order-not-found', 'order-not-cancellable'],
  })
  cancel(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) order: string,
    @Body({ schema: nothing }) _: unknown,
    @IfMatch() version: number | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderView2> {
    return told(answer(reply, this.orders.request({ method: 'POST', path: `/orders/${order}/cancellation`, body: {}, headers: ifMatch(version), token, schema: orderView })), orderIn2);
  }
}
