import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { claimMailRequests, id, type ClaimMailRequests, type MailRequests as Requests } from '@shop/contracts';
import { RequireScope } from '@shop/platform';
import { z } from 'zod';
import { MailRequests } from './mail-requests.ts';

const byId = z.object({ id });

/** Where notifications, and nobody else, fetches what is to be sent for auth. */
@Controller('mail-requests')
@RequireScope('mails:send')
export class MailRequestsController {
  constructor(private readonly requests: MailRequests) {}

  @Post('claims')
  @HttpCode(200)
  async claim(@Body({ schema: claimMailRequests }) { limit, kinds }: ClaimMailRequests): Promise<Requests> {
    return { items: await this.requests.claim(limit, kinds) };
  }

  @Post(':id/completion')
  @HttpCode(204)
  settle(@Param({ schema: byId }) { id }: z.output<typeof byId>): Promise<void> {
    return this.requests.settle(id);
  }
}
