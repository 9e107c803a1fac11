import { defineService } from '@shop/platform';
import { OrdersConfig } from './config.ts';
import { OrdersModule } from './orders.module.ts';

export const orders = defineService({ name: 'orders', config: OrdersConfig, module: OrdersModule });

export { order, type Order, type OrderCommand, type OrderEvent } from './domain/order.ts';
export { awaits, lookAfter, patience, remedy, steps, type Remedy, type SagaStep } from './domain/saga.ts';
export { agrees, OrderListRebuild, type Compared } from './order-list-rebuild.ts';
export { orderThen, type Moment } from './order-then.ts';
export { orderUpcasters } from './domain/upcasters.ts';
export { orderProcess } from './order-process.ts';
export { OrderList } from './order-list.ts';
export { OrderListConsumer } from './order-list.consumer.ts';
export { Orders } from './orders.ts';
export { OrderReads } from './order-reads.ts';
export { Prices, PricesConsumer } from './prices.ts';
export { ProductCopy, ProductCopyConsumer } from './product-copy.ts';
export { putBackOrders } from './restored-orders.ts';
