import { Body, Controller, Get, Param, Post, Put, Req, Res } from '@nestjs/common';
import { changeRoles, id, registerAccount, type AccountRoles, type AccountView, type ChangeRoles, type RegisterAccount } from '@shop/contracts';
import { CurrentPrincipal, entityTag, IfMatch, Public, RequireRole, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Audit } from '../audit/audit.ts';
import { Accounts } from './accounts.ts';

const byId = z.object({ id });

@Controller('accounts')
export class AccountsController {
  constructor(
    private readonly accounts: Accounts,
    private readonly audit: Audit,
  ) {}

  @Post()
  @Public()
  async register(@Body({ schema: registerAccount }) body: RegisterAccount, @Req() { ip }: FastifyRequest): Promise<AccountView> {
    const account = await this.accounts.register(body);
    await this.audit.note('registered', { account: account.id, address: ip });
    return account;
  }

  /** For services that write to people: no customer's token has this scope. */
  @Get(':id')
  @RequireScope('accounts:read')
  view(@Param({ schema: byId }) { id }: z.output<typeof byId>): Promise<AccountView> {
    return this.accounts.view(id);
  }

  @Get(':id/roles')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  async roles(@Param({ schema: byId }) { id }: z.output<typeof byId>, @Res({ passthrough: true }) reply: FastifyReply): Promise<AccountRoles> {
    return tagged(reply, await this.accounts.roles(id));
  }

  @Put(':id/roles')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  async changeRoles(
    @CurrentPrincipal() { subject: by }: Principal,
    @Param({ schema: byId }) { id }: z.output<typeof byId>,
    @Body({ schema: changeRoles }) { roles }: ChangeRoles,
    @IfMatch('required') ifVersion: number | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountRoles> {
    return tagged(reply, await this.accounts.changeRoles(id, roles, { ifVersion, by }));
  }
}

function tagged(reply: FastifyReply, roles: AccountRoles): AccountRoles {
  reply.header('etag', entityTag(roles.version, roles));
  return roles;
}
