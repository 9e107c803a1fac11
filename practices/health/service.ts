import { renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module, type DynamicModule } from '@nestjs/common';
import { Consumer as KafkaMember } from '@platformatic/kafka';
import { orderConfirmed } from '@shop/contracts';
import { Consumer, EventingModule, MessageBus, on } from '@shop/eventing';
import {
  busSettings,
  Config,
  databaseSettings,
  DatabaseModule,
  defineService,
  Health,
  runService,
} from '@shop/platform';
import { z } from 'zod';
import { answerTo, takePart } from '../lab/part.ts';

/**
 * A service that handles what it hears, in the product's own process, and that becomes a zombie when it finds a file to
 * that effect.
 */
const { variant, bus, named } = takePart();

/** The product's limit is ten times that; here a run has to end. */
const STALE_AFTER_MS = 3_000;

class ListConfig extends Config(z.object({ ...databaseSettings, ...busSettings })) {}

class OrderList extends Consumer {
  readonly name = 'orders.list';
  readonly handlers = [
    on(orderConfirmed, ({ subject }, effect) =>
      effect.transaction((tx) => tx.query('INSERT INTO handled (id) VALUES ($1)', [subject], 'handle')),
    ),
  ];
}

/** Heeds no poll: whoever answers is alive. */
class AnswersHttp extends Health {
  override live(): void {}
}

/** The product's messaging, on this round's own topics, with the variant's idea of being alive. */
function messaging(): DynamicModule {
  const product = EventingModule.forRoot(ListConfig, {
    consumers: [OrderList],
    produces: false,
    staleAfterMs: STALE_AFTER_MS,
  });
  const alive = variant === 'last poll' ? [] : [{ provide: Health, useClass: AnswersHttp }];
  return { ...product, providers: [...(product.providers ?? []), { provide: MessageBus, useFactory: bus }, ...alive] };
}

@Module({ imports: [DatabaseModule.forRoot(ListConfig), messaging()], providers: [OrderList] })
class ListModule {}

/**
 * A question that the broker never answers, on a connection that stays open: the loop waits for ever, while heartbeats
 * go on in another connection and keep its place in the group. The first process that finds the file takes it away and
 * is stuck from then on.
 */
function getStuckOn(file: string): void {
  const { fetch } = KafkaMember.prototype;
  let stuck = false;
  KafkaMember.prototype.fetch = function (this: KafkaMember, ...asked: unknown[]) {
    stuck ||= taken(file);
    return stuck ? undefined : Reflect.apply(fetch, this, asked);
  } as typeof fetch;
}

function taken(file: string): boolean {
  try {
    renameSync(file, `${file}.taken`);
    rmSync(`${file}.taken`);
    return true;
  } catch {
    return false;
  }
}

getStuckOn(join(tmpdir(), named('stuck')));
const list = defineService({ name: 'orders', config: ListConfig, module: ListModule });
const service = await runService(list, {
  ...process.env,
  ISSUER: 'http://nobody',
  JWKS_URL: 'http://nobody',
  LOG_LEVEL: 'warn',
  SHED_LOOP_DELAY_MS: '0',
});
process.once('SIGTERM', () => void service.close().finally(() => process.exit(0)));
process.once('disconnect', () => process.exit(1));
answerTo(() => Promise.resolve(service.url));
