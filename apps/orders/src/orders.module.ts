import { Module } from '@nestjs/common';
import { AwaitedAnswers, EventingModule } from '@shop/eventing';
import { Database, DatabaseModule, FlagsModule } from '@shop/platform';
import { Books } from './books.ts';
import { OrdersConfig } from './config.ts';
import { Deadlines } from './deadlines.ts';
import { orderUpcasters } from './domain/upcasters.ts';
import { ManyOrders } from './many-orders.ts';
import { ManyOrdersController } from './many-orders.controller.ts';
import { OrderList } from './order-list.ts';
import { OrderListConsumer } from './order-list.consumer.ts';
import { OrderListRebuild } from './order-list-rebuild.ts';
import { OrderOperationsController } from './order-operations.controller.ts';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { OrdersController } from './orders.controller.ts';
import { Prices, PricesConsumer } from './prices.ts';
import { ProductCopy, ProductCopyConsumer } from './product-copy.ts';
import { ReconcilerConsumer, Reconciliation } from './reconciliation.ts';
import { SagaConsumer } from './saga.consumer.ts';
import { SagaMetrics } from './saga-metrics.ts';

@Module({
  imports: [
    DatabaseModule.forRoot(OrdersConfig),
    FlagsModule.forRoot(OrdersConfig),
    EventingModule.forRoot(OrdersConfig, {
      consumers: [SagaConsumer, PricesConsumer, OrderListConsumer, ReconcilerConsumer, ProductCopyConsumer],
      produces: true,
      upcasters: orderUpcasters,
    }),
  ],
  controllers: [ManyOrdersController, OrdersController, OrderOperationsController],
  providers: [
    Orders,
    ManyOrders,
    OrderReads,
    OrderList,
    OrderListRebuild,
    Prices,
    { provide: AwaitedAnswers, inject: [Database], useFactory: (database: Database) => new AwaitedAnswers(database) },
    SagaMetrics,
    Books,
    Deadlines,
    Reconciliation,
    SagaConsumer,
    PricesConsumer,
    OrderListConsumer,
    ReconcilerConsumer,
    ProductCopy,
    ProductCopyConsumer,
  ],
})
export class OrdersModule {}
