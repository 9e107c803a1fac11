import { Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { id } from '@shop/contracts';
import { Background, EventStore } from '@shop/eventing';
import { DomainError } from '@shop/kernel';
import { CurrentPrincipal, RequireScope, withoutDeadline, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { agrees, OrderListRebuild, type Compared } from './order-list-rebuild.ts';
import { OrderReads } from './order-reads.ts';
import { orderThen } from './order-then.ts';

const moment = z
  .strictObject({ version: z.coerce.number().int().min(1).optional(), at: z.iso.datetime().optional() })
  .refine(({ version, at }) => version === undefined || at === undefined, 'Either a version or a time.');

/**
 * As long as a connection stays open on which nothing is said, in ms; a list that takes longer is checked by `npm run
 * events`.
 */
const CHECK_MS = 50_000;

/**
 * What an operator of orders can do beyond the messaging of every service: look back, and have the list checked and
 * made anew.
 */
@Controller('operations')
@RequireScope('operations')
export class OrderOperationsController {
  constructor(
    private readonly store: EventStore,
    private readonly rebuild: OrderListRebuild,
    private readonly background: Background,
    private readonly reads: OrderReads,
  ) {}

  /** Anybody's order, as it is, as it was after its n-th event, or at a time. */
  @Get('orders/:id')
  order(
    @Param('id', { schema: id }) order: string,
    @Query({ schema: moment }) { version, at }: z.output<typeof moment>,
  ) {
    if (version !== undefined) return orderThen(this.store, order, { version });
    return orderThen(this.store, order, at === undefined ? undefined : { at: new Date(at) });
  }

  /** Who of those that serve customers read whose order, latest first. */
  @Get('order-reads')
  async orderReads(
    @Query({ schema: z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }) }) {
      limit,
    }: {
      limit: number;
    },
  ) {
    return { items: await this.reads.latest(limit) };
  }

  @Post('projections/orders/check')
  @HttpCode(200)
  async check(): Promise<Compared & { same: boolean }> {
    const signal = AbortSignal.timeout(CHECK_MS);
    try {
      const compared = await withoutDeadline(() => this.rebuild.compare({ signal, patience: 3_000 }));
      return { same: agrees(compared), ...compared };
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new DomainError(
        'unavailable',
        'list-too-long',
        'The list is too long to be checked in one request: npm run events -- projection check orders.',
      );
    }
  }

  /** Begun, and not waited for: /operations/actions tells what came of it. */
  @Post('projections/orders/rebuild')
  @HttpCode(202)
  start(@CurrentPrincipal() { subject }: Principal, @Res({ passthrough: true }) reply: FastifyReply): { see: string } {
    this.background.start('rebuild', (signal) => this.rebuild.run(subject, { signal }));
    const see = '/operations/actions';
    void reply.header('location', see);
    return { see };
  }
}
