import { Controller, Get, Query, Res } from '@nestjs/common';
import { messagePage, messageQuery, type MessagePage, type MessageQuery } from '@shop/contracts';
import { CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer, linked } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Notifications } from './upstreams.ts';

const query = strict(messageQuery);

@Controller('v1/notifications')
export class NotificationsController {
  constructor(private readonly notifications: Notifications) {}

  @Get()
  @RequireScope('orders:read')
  @Operation({ summary: 'Messages sent to you about your orders, newest first', answer: messagePage, sends: ['Link'] })
  list(
    @CurrentPrincipal() { token }: Principal,
    @Query({ schema: query }) query: MessageQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MessagePage> {
    return linked(
      reply,
      answer(
        reply,
        this.notifications.request({ method: 'GET', path: '/messages', query, token, schema: messagePage }),
      ),
    );
  }
}
