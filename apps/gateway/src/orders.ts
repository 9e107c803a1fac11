import { Body, Get, HttpCode, Injectable, Param, Post, Query, Res } from '@nestjs/common';
import {
  id,
  orderHistory,
  orderPage,
  orderQuery,
  orderView,
  placeOrder,
  type OrderHistory,
  type OrderPage,
  type OrderQuery,
  type OrderView,
  type PlaceOrder,
} from '@shop/contracts';
import { CurrentPrincipal, IdempotencyKey, IfMatch, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { answer, ifMatch, linked, told } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Orders } from './upstreams.ts';

const newOrder = strict(placeOrder);
const query = strict(orderQuery);
const nothing = z.strictObject({}).optional();

/** What a version of the API says of orders. */
interface Telling<Order, Page> {
  readonly order: z.ZodType<Order>;
  readonly page: z.ZodType<Page>;
  readonly tell: (order: OrderView) => Order;
  readonly tellPage: (reply: FastifyReply) => (page: OrderPage) => Page;
}

/**
 * Orders at the edge, in the words of one version: all versions ask the same of the same service, and differ in what
 * they tell of its answers.
 */
export function ordersToldAs<Order, Page>(words: Telling<Order, Page>) {
  @Injectable()
  class OrdersOfVersion {
    constructor(readonly orders: Orders) {}

    @Post()
    @RequireScope('orders:write')
    @Operation({
      summary: 'Place an order',
      description:
        'Answers as soon as the order is recorded. Stock and payment follow: read the order until it is confirmed or cancelled.',
      status: 201,
      answer: words.order,
      sends: ['Location', 'ETag', 'Idempotency-Replayed'],
      takes: ['Idempotency-Key'],
      refuses: ['unknown-product', 'mixed-currencies', 'amount-too-large'],
    })
    place(
      @CurrentPrincipal() { token }: Principal,
      @IdempotencyKey() key: string,
      @Body({ schema: newOrder }) body: PlaceOrder,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Order> {
      const headers = { 'idempotency-key': key };
      return told(
        answer(
          reply,
          this.orders.request({
            method: 'POST',
            path: '/orders',
            body,
            headers,
            token,
            schema: orderView,
            idempotent: true,
          }),
        ),
        words.tell,
      );
    }

    @Get()
    @RequireScope('orders:read')
    @Operation({ summary: 'Your orders', answer: words.page, sends: ['Link'] })
    list(
      @CurrentPrincipal() { token }: Principal,
      @Query({ schema: query }) query: OrderQuery,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Page> {
      return told(
        linked(
          reply,
          answer(
            reply,
            this.orders.request({ method: 'GET', path: '/orders', query, token, schema: orderPage, idempotent: true }),
          ),
        ),
        words.tellPage(reply),
      );
    }

    @Get(':id')
    @RequireScope('orders:read')
    @Operation({
      summary: 'One order as it is now',
      answer: words.order,
      sends: ['ETag'],
      takes: ['If-None-Match'],
      refuses: ['order-not-found'],
    })
    get(
      @CurrentPrincipal() { token }: Principal,
      @Param('id', { schema: id }) order: string,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Order> {
      return told(
        answer(
          reply,
          this.orders.request({ method: 'GET', path: `/orders/${order}`, token, schema: orderView, idempotent: true }),
        ),
        words.tell,
      );
    }

    @Get(':id/history')
    @RequireScope('orders:read')
    @Operation({
      summary: 'What happened to an order, oldest first',
      answer: orderHistory,
      refuses: ['order-not-found'],
    })
    history(
      @CurrentPrincipal() { token }: Principal,
      @Param('id', { schema: id }) order: string,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<OrderHistory> {
      return answer(
        reply,
        this.orders.request({
          method: 'GET',
          path: `/orders/${order}/history`,
          token,
          schema: orderHistory,
          idempotent: true,
        }),
      );
    }

    @Post(':id/cancellation')
    @HttpCode(200)
    @RequireScope('orders:write')
    @Operation({
      summary: 'Cancel an order',
      description: 'Said twice it changes nothing. A confirmed order cannot be cancelled.',
      body: 'optional',
      answer: words.order,
      sends: ['ETag'],
      takes: ['If-Match'],
      refuses: ['order-not-found', 'order-not-cancellable'],
    })
    cancel(
      @CurrentPrincipal() { token }: Principal,
      @Param('id', { schema: id }) order: string,
      @Body({ schema: nothing }) _: unknown,
      @IfMatch() versions: readonly number[] | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Order> {
      return told(
        answer(
          reply,
          this.orders.request({
            method: 'POST',
            path: `/orders/${order}/cancellation`,
            body: {},
            headers: ifMatch(versions),
            token,
            schema: orderView,
          }),
        ),
        words.tell,
      );
    }
  }
  return OrdersOfVersion;
}
