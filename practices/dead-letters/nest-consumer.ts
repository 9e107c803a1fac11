import 'reflect-metadata';
import {
  Catch,
  Controller,
  Module,
  type ArgumentsHost,
  type INestMicroservice,
  type RpcExceptionFilter,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, KafkaContext, Payload, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import type { ConsumerRuntime } from '@shop/eventing';
import { from, throwError, type Observable } from 'rxjs';

export interface NestConsumerOptions {
  readonly brokers: readonly string[];
  readonly group: string;
  readonly topic: string;
  readonly handle: (message: unknown) => Promise<void>;
  /** Where a message goes that has failed twice. Absent: what fails is tried for ever, as Nest does by itself. */
  readonly deadLetters?: string;
}

/** Nest's own Kafka transport, set up as its manual says; fills the same port as the product's runtime. */
export class NestConsumer implements Pick<ConsumerRuntime, 'start' | 'stop'> {
  readonly #options: NestConsumerOptions;
  #app: INestMicroservice | undefined;

  constructor(options: NestConsumerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { brokers, group, deadLetters } = this.#options;
    // By itself kafkajs waits longer and longer, up to half a minute: here it is quick to find that the cause is gone.
    const client = { clientId: 'points', brokers: [...brokers], retry: { maxRetryTime: 2_000 } };
    this.#app = await NestFactory.createMicroservice<MicroserviceOptions>(moduleFor(this.#options), {
      transport: Transport.KAFKA,
      options: { client, consumer: { groupId: group }, subscribe: { fromBeginning: true }, postfixId: '' },
    });
    if (deadLetters !== undefined) this.#app.useGlobalFilters(new DeadLetterFilter(deadLetters));
    await this.#app.listen();
  }

  async stop(): Promise<void> {
    await this.#app?.close();
  }
}

function moduleFor({ topic, handle }: NestConsumerOptions) {
  @Controller()
  class PointsController {
    @EventPattern(topic)
    async confirmed(@Payload() message: unknown): Promise<void> {
      await handle(message);
    }
  }

  @Module({ controllers: [PointsController] })
  class PointsModule {}
  return PointsModule;
}

const ATTEMPTS = 2;

/**
 * The filter that the manual recommends against a message that fails for ever, with what its example lacks: it counts
 * by itself (the example reads a header that nobody sets), and keeps the message on a dead-letter topic before it goes
 * on.
 */
@Catch()
class DeadLetterFilter implements RpcExceptionFilter {
  readonly #topic: string;
  readonly #failures = new Map<string, number>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  catch(error: Error, host: ArgumentsHost): Observable<unknown> {
    const context = host.switchToRpc().getContext<KafkaContext>();
    const { key, value, offset } = context.getMessage();
    const place = `${context.getTopic()}:${context.getPartition()}:${offset}`;
    const failures = (this.#failures.get(place) ?? 0) + 1;
    this.#failures.set(place, failures);
    if (failures < ATTEMPTS) return throwError(() => error);
    const letter = { key, value: JSON.stringify(value), headers: { reason: error.message, from: place } };
    return from(context.getProducer().send({ topic: this.#topic, messages: [letter] }));
  }
}
