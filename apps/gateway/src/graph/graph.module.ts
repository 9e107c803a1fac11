import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { LimitsModule } from '../limits/limits.module.ts';
import { UpstreamsModule } from '../upstreams.module.ts';
import { Documents } from './documents/documents.ts';
import { GraphController } from './graph.controller.ts';
import { GraphDriver } from './graph-driver.ts';
import { GraphErrors } from './graph-errors.ts';
import { Graph } from './graph.ts';
import { BatchedLoads, LoadsFactory } from './loads.ts';
import { NotificationsResolver } from './notifications.resolver.ts';
import { OrderLinesResolver, OrdersResolver } from './orders.resolver.ts';
import { ProductsResolver } from './products.resolver.ts';
import { OrderStatesResolver } from './subscriptions/order-states.resolver.ts';
import { OrderStates } from './subscriptions/order-states.ts';
import { SocketProtocol } from './subscriptions/protocol.ts';
import { Sockets } from './subscriptions/sockets.ts';

/** One graph over everything behind the door (docs/graphql.md). */
@Module({
  imports: [UpstreamsModule, LimitsModule, GraphQLModule.forRoot({ driver: GraphDriver, autoSchemaFile: true })],
  controllers: [GraphController],
  providers: [
    { provide: LoadsFactory, useClass: BatchedLoads },
    Documents,
    Graph,
    GraphErrors,
    ProductsResolver,
    OrdersResolver,
    OrderLinesResolver,
    NotificationsResolver,
    OrderStatesResolver,
    OrderStates,
    SocketProtocol,
    Sockets,
  ],
})
export class GraphModule {
  /** The same, reading what its operations name in another way. */
  static loading(loads: Type<LoadsFactory>): DynamicModule {
    return { module: GraphModule, providers: [{ provide: LoadsFactory, useClass: loads }] };
  }
}
