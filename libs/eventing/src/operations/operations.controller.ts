import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { consumers, id, topics, type ConsumerName, type Topic } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { CurrentPrincipal, Database, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { MessageBus } from '../bus.ts';
import { latestActions, type DoneAction } from './audit.ts';
import { Background } from './background.ts';
import { DeadLetterTopics } from './dead-letter-topics.ts';
import { deadLetterAt, deadLetters, planOf, replay, type DeadLetter } from './dead-letters.ts';
import { outboxStatus, type OutboxStatus } from './outbox-status.ts';
import { putBack, type PutBackKey } from './put-back.ts';
import { parkedKeys, release, type Filter, type ParkedKey, type Released } from './parked-keys.ts';

const consumer = z.enum(Object.keys(consumers) as [ConsumerName, ...ConsumerName[]]);
/** Of a message: an id mostly, which is one in any spelling. */
const key = z.union([id, z.string().regex(/^[\x21-\x7e]{1,128}$/)]);
const filter = z.strictObject({
  consumer: consumer.optional(),
  key: key.optional(),
  reason: z.string().max(200).optional(),
});
const releaseRequest = z.strictObject({ consumer, key, skipDead: z.boolean().default(false) });
const putBackRequest = z.strictObject({
  topic: z.enum(Object.keys(topics) as [Topic, ...Topic[]]).optional(),
  key: key.optional(),
});
const replayRequest = filter.extend({
  rate: z.number().positive().max(1_000).default(10),
  dryRun: z.boolean().default(true),
});

/**
 * A key that its consumer does not get done in this time is told as it is, in ms: within the time that a request has.
 */
const PATIENCE_MS = 3_000;

/** The consumers of the service, whose operators these are. */
export abstract class OwnConsumers {
  abstract readonly names: readonly ConsumerName[];
}

/**
 * For whoever operates the service, not routed by the gateway: its parked keys, its dead letters, its outbox, and what
 * was done to them. Everything needs the scope `operations`; whatever changes something is written down under the
 * caller's subject.
 */
@Controller('operations')
@RequireScope('operations')
export class OperationsController {
  constructor(
    private readonly database: Database,
    private readonly bus: MessageBus,
    private readonly topics: DeadLetterTopics,
    private readonly own: OwnConsumers,
    private readonly background: Background,
  ) {}

  @Get('parked')
  async parked(@Query({ schema: filter }) asked: Filter): Promise<{ items: ParkedKey[] }> {
    return { items: await parkedKeys(this.database, this.ours(asked)) };
  }

  @Post('parked/release')
  @HttpCode(200)
  async release(
    @CurrentPrincipal() { subject }: Principal,
    @Body({ schema: releaseRequest }) body: z.output<typeof releaseRequest>,
  ): Promise<Released> {
    const [released] = await release(this.database, { ...this.ours(body), operator: subject, patience: PATIENCE_MS });
    return released as Released;
  }

  @Get('dead-letters')
  async deadLetters(
    @Query({ schema: filter }) asked: Filter,
  ): Promise<{ items: Omit<DeadLetter, 'value' | 'headers'>[] }> {
    const letters = await this.letters(asked);
    return { items: letters.map(({ value: _, headers: __, ...letter }) => letter) };
  }

  @Get('dead-letters/:at')
  deadLetter(@Param('at', { schema: z.string().max(128) }) at: string): Promise<DeadLetter> {
    return deadLetterAt(this.database, this.topics, this.own.names, at);
  }

  /**
   * Says what would be sent again; with `dryRun: false` it is sent, at its rate, after the answer: /operations/actions
   * tells what came of each.
   */
  @Post('dead-letters/replay')
  async replay(
    @CurrentPrincipal() { subject: operator }: Principal,
    @Body({ schema: replayRequest }) { rate, dryRun, ...asked }: z.output<typeof replayRequest>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ items: { at: string; key?: string | undefined; plan: string }[] }> {
    const letters = await this.letters(asked);
    if (letters.length === 0)
      throw new DomainError('not-found', 'no-such-dead-letters', 'There are no such dead letters.');
    if (!dryRun)
      this.background.start('replay', (signal) =>
        replay(this.database, letters, { operator, rate, bus: this.bus, signal }),
      );
    void reply.code(dryRun ? 200 : 202);
    return { items: letters.map((letter) => ({ at: letter.at, key: letter.key, plan: planOf(letter) })) };
  }

  @Get('outbox')
  outbox(): Promise<OutboxStatus> {
    return outboxStatus(this.database);
  }

  /** Has what the broker refused tried again, and waits some seconds for what comes of it. */
  @Post('outbox/put-back')
  @HttpCode(200)
  async putBack(
    @CurrentPrincipal() { subject: operator }: Principal,
    @Body({ schema: putBackRequest }) body: z.output<typeof putBackRequest>,
  ): Promise<{ items: PutBackKey[] }> {
    return { items: await putBack(this.database, { ...body, operator, patience: PATIENCE_MS }) };
  }

  @Get('actions')
  async actions(
    @Query({ schema: z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }) }) {
      limit,
    }: {
      limit: number;
    },
  ): Promise<{ items: DoneAction[] }> {
    return { items: await latestActions(this.database, limit) };
  }

  private letters(asked: Filter): Promise<DeadLetter[]> {
    const { consumer: one } = this.ours(asked);
    return deadLetters(this.database, this.topics, one ? [one] : this.own.names, asked);
  }

  private ours<F extends Filter>(asked: F): F {
    if (asked.consumer === undefined || this.own.names.includes(asked.consumer)) return asked;
    throw new DomainError(
      'not-found',
      'no-such-consumer',
      `${asked.consumer} is no consumer of this service; it has ${this.own.names.join(', ')}.`,
    );
  }
}
