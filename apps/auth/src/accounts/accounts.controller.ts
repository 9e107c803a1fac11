import { Body, Controller, Get, Param, Post, Put, Req, Res } from '@nestjs/common';
import {
  changeRoles,
  changeStanding,
  id,
  registerAccount,
  type AccountRoles,
  type AccountStanding,
  type AccountView,
  type ChangeRoles,
  type ChangeStanding,
  type MailRecipient,
  type RegisterAccount,
} from '@shop/contracts';
import {
  CurrentPrincipal,
  entityTag,
  IfMatch,
  Public,
  RequireRole,
  RequireScope,
  type Principal,
} from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Accounts } from './accounts.ts';
import { Registrations } from './registrations.ts';

const byId = z.object({ id });

@Controller('accounts')
export class AccountsController {
  constructor(
    private readonly accounts: Accounts,
    private readonly registrations: Registrations,
  ) {}

  @Post()
  @Public()
  register(
    @Body({ schema: registerAccount }) body: RegisterAccount,
    @Req() { ip }: FastifyRequest,
  ): Promise<AccountView> {
    return this.registrations.register(body, { address: ip });
  }

  /** For services that write to people: no customer's token has this scope. */
  @Get(':id')
  @RequireScope('accounts:read')
  view(@Param({ schema: byId }) { id }: z.output<typeof byId>): Promise<MailRecipient> {
    return this.accounts.recipient(id);
  }

  @Get(':id/roles')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  async roles(
    @Param({ schema: byId }) { id }: z.output<typeof byId>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountRoles> {
    return tagged(reply, await this.accounts.roles(id));
  }

  @Put(':id/roles')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  async changeRoles(
    @CurrentPrincipal() { subject: by }: Principal,
    @Param({ schema: byId }) { id }: z.output<typeof byId>,
    @Body({ schema: changeRoles }) { roles }: ChangeRoles,
    @IfMatch('required') ifVersions: readonly number[] | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountRoles> {
    return tagged(reply, await this.accounts.changeRoles(id, roles, { ifVersions, by }));
  }

  @Get(':id/standing')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  async standing(
    @Param({ schema: byId }) { id }: z.output<typeof byId>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountStanding> {
    return tagged(reply, await this.accounts.standing(id));
  }

  @Put(':id/standing')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  async changeStanding(
    @CurrentPrincipal() { subject: by }: Principal,
    @Param({ schema: byId }) { id }: z.output<typeof byId>,
    @Body({ schema: changeStanding }) { disabled }: ChangeStanding,
    @IfMatch('required') ifVersions: readonly number[] | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountStanding> {
    return tagged(reply, await this.accounts.changeStanding(id, disabled, { ifVersions, by }));
  }
}

function tagged<T extends { readonly version: number }>(reply: FastifyReply, answer: T): T {
  reply.header('etag', entityTag(answer.version, answer));
  return answer;
}
