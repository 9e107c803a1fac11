import { Controller, Get, Param, Query } from '@nestjs/common';
import {
  id,
  manyIds,
  orderStatesQuery,
  type ManyIds,
  type OrderStates,
  type OrderStatesQuery,
  type OrderView,
} from '@shop/contracts';
import { CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import { ManyOrders } from './many-orders.ts';

/** What the gateway's graph asks: several orders in one request, and what has become of one since. */
@Controller('orders')
export class ManyOrdersController {
  constructor(private readonly orders: ManyOrders) {}

  @Get('many')
  @RequireScope('orders:read')
  async many(
    @CurrentPrincipal() { subject }: Principal,
    @Query({ schema: manyIds.query }) { ids }: ManyIds,
  ): Promise<{ items: OrderView[] }> {
    return { items: await this.orders.find(subject, ids) };
  }

  @Get(':id/states')
  @RequireScope('orders:read')
  async states(
    @CurrentPrincipal() { subject }: Principal,
    @Param('id', { schema: id }) order: string,
    @Query({ schema: orderStatesQuery }) { after }: OrderStatesQuery,
  ): Promise<OrderStates> {
    return { items: await this.orders.states(subject, order, after) };
  }
}
