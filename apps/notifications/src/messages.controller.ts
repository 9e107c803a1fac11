import { Controller, Get, Query } from '@nestjs/common';
import { messageQuery, type MessagePage, type MessageQuery } from '@shop/contracts';
import { CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import { Messages } from './messages.ts';

@Controller('messages')
export class MessagesController {
  constructor(private readonly messages: Messages) {}

  @Get()
  @RequireScope('orders:read')
  page(
    @CurrentPrincipal() { subject }: Principal,
    @Query({ schema: messageQuery }) query: MessageQuery,
  ): Promise<MessagePage> {
    return this.messages.page(subject, query);
  }
}
