import { Controller, Get, Query, Res } from '@nestjs/common';
import { messagePage, messagePage2, messageQuery, type MessagePage2, type MessageQuery } from '@shop/contracts';
import { CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer, linked, told } from '../answer.ts';
import { Operation } from '../docs/operation.ts';
import { strict } from '../strict.ts';
import { Notifications } from '../upstreams.ts';
import { pageIn2 } from './page.ts';

const query = strict(messageQuery);

@Controller('v2/notifications')
export class NotificationsV2Controller {
  constructor(private readonly notifications: Notifications) {}

  @Get()
  @RequireScope('orders:read')
  @Operation({ summary: 'Messages sent to you about your orders, newest first', answer: messagePage2, sends: ['Link'] })
  list(
    @CurrentPrincipal() { token }: Principal,
    @Query({ schema: query }) query: MessageQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MessagePage2> {
    return told(
      linked(
        reply,
        answer(
          reply,
          this.notifications.request({ method: 'GET', path: '/messages', query, token, schema: messagePage }),
        ),
      ),
      pageIn2(reply, (message) => message),
    );
  }
}
