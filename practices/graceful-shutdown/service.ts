import { Body, Controller, Inject, Module, Post, type DynamicModule } from '@nestjs/common';
import { orderConfirmed } from '@shop/contracts';
import { Consumer, event, EventingModule, MessageBus, on, Outbox } from '@shop/eventing';
import {
  busSettings,
  Config,
  Database,
  databaseSettings,
  DatabaseModule,
  defineService,
  Public,
  runService,
  type RunningService,
} from '@shop/platform';
import { z } from 'zod';
import { answerTo, takePart } from '../lab/part.ts';
import { NOTICED_WITHIN_MS } from './balancer.ts';

/**
 * One of several instances of a small service: takes orders over HTTP, tells them by its outbox, and lists what it
 * hears of them.
 */
const { variant, bus } = takePart();

class OrdersConfig extends Config(z.object({ ...databaseSettings, ...busSettings })) {}

export interface NewOrder {
  readonly id: string;
}

@Controller('orders')
class OrdersController {
  constructor(
    private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  @Post()
  @Public()
  async place(@Body({ schema: z.strictObject({ id: z.uuid() }) }) { id }: NewOrder): Promise<NewOrder> {
    await this.database.transaction(async (tx) => {
      await tx.query('INSERT INTO orders (id) VALUES ($1)', [id], 'place');
      await this.outbox.add(tx, [
        event(orderConfirmed, {
          key: id,
          sequence: 1,
          data: { orderId: id, customerId: id, total: 10, currency: 'EUR' },
        }),
      ]);
    });
    this.outbox.wake();
    return { id };
  }
}

/** Notes each time a message comes, and lists its order once. */
class OrderList extends Consumer {
  readonly name = 'orders.list';
  readonly handlers = [
    on(orderConfirmed, async ({ subject }, effect) => {
      await this.database.query('INSERT INTO deliveries (id) VALUES ($1)', [subject], 'came');
      await effect.transaction((tx) =>
        tx.query('UPDATE orders SET listed_at = clock_timestamp() WHERE id = $1', [subject], 'list'),
      );
    }),
  ];

  constructor(@Inject(Database) private readonly database: Database) {
    super();
  }
}

/** The product's messaging, on this round's own topics. */
function messaging(): DynamicModule {
  const product = EventingModule.forRoot(OrdersConfig, { consumers: [OrderList], produces: true });
  return { ...product, providers: [...(product.providers ?? []), { provide: MessageBus, useFactory: bus }] };
}

@Module({
  imports: [DatabaseModule.forRoot(OrdersConfig), messaging()],
  controllers: [OrdersController],
  providers: [OrderList],
})
class OrdersModule {}

const orders = defineService({ name: 'orders', config: OrdersConfig, module: OrdersModule });
const env = {
  ...process.env,
  ISSUER: 'http://nobody',
  JWKS_URL: 'http://nobody',
  LOG_LEVEL: 'warn',
  REQUEST_BUDGET_MS: '30000',
  DATABASE_POOL_SIZE: '20',
};

const ways: Record<string, () => Promise<RunningService>> = {
  /** Nobody listens to the signal, so Node ends the process. */
  default: () => runService(orders, env),
  /** Stops listening, finishes what is under way, exits. */
  async close() {
    const service = await runService(orders, env);
    process.once('SIGTERM', () => void service.close().then(() => process.exit(0)));
    return service;
  },
  /** The product's own: a process that belongs to its service, told how long its balancer needs to notice. */
  drain() {
    Object.assign(process.env, env, { SHUTDOWN_DELAY_MS: `${NOTICED_WITHIN_MS}` });
    return runService(orders);
  },
};
const service = await ways[variant]?.();
process.once('disconnect', () => process.exit(1));
answerTo(() => Promise.resolve(service?.url));
