import { Body, Controller, Get, Param, Post, Put, Res } from '@nestjs/common';
import {
  accountRoles,
  accountStanding,
  accountView,
  changeRoles,
  changeStanding,
  id,
  registerAccount,
  type AccountRoles,
  type AccountStanding,
  type AccountView,
  type ChangeRoles,
  type ChangeStanding,
  type RegisterAccount,
} from '@shop/contracts';
import { CurrentPrincipal, IfMatch, Public, RequireRole, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer, ifMatch } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Auth } from './upstreams.ts';

const newAccount = strict(registerAccount);
const newRoles = strict(changeRoles);
const newStanding = strict(changeStanding);

@Controller('v1/accounts')
export class AccountsController {
  constructor(private readonly auth: Auth) {}

  @Post()
  @Public()
  @Operation({
    summary: 'Register as a customer',
    status: 201,
    answer: accountView,
    refuses: ['email-taken', 'not-a-name', 'weak-password'],
  })
  register(
    @Body({ schema: newAccount }) body: RegisterAccount,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountView> {
    return answer(reply, this.auth.request({ method: 'POST', path: '/accounts', body, schema: accountView }));
  }

  @Get(':id/roles')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  @Operation({
    summary: 'What somebody may do',
    answer: accountRoles,
    sends: ['ETag'],
    takes: ['If-None-Match'],
    refuses: ['account-not-found'],
  })
  roles(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) account: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountRoles> {
    return answer(
      reply,
      this.auth.request({ method: 'GET', path: `/accounts/${account}/roles`, token, schema: accountRoles }),
    );
  }

  @Put(':id/roles')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  @Operation({
    summary: 'Give somebody these roles and no other',
    description:
      'They hold from the next access token on, five minutes later at most. No admin takes that role from themselves.',
    answer: accountRoles,
    sends: ['ETag'],
    takes: ['If-Match'],
    needs: 'If-Match',
    refuses: ['account-not-found', 'own-role'],
  })
  changeRoles(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) account: string,
    @Body({ schema: newRoles }) body: ChangeRoles,
    @IfMatch('required') versions: readonly number[] | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountRoles> {
    return answer(
      reply,
      this.auth.request({
        method: 'PUT',
        path: `/accounts/${account}/roles`,
        body,
        headers: ifMatch(versions, '*'),
        token,
        schema: accountRoles,
        idempotent: false,
      }),
    );
  }

  @Get(':id/standing')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  @Operation({
    summary: 'Whether somebody is kept out',
    answer: accountStanding,
    sends: ['ETag'],
    takes: ['If-None-Match'],
    refuses: ['account-not-found'],
  })
  standing(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) account: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountStanding> {
    return answer(
      reply,
      this.auth.request({ method: 'GET', path: `/accounts/${account}/standing`, token, schema: accountStanding }),
    );
  }

  @Put(':id/standing')
  @RequireRole('admin')
  @RequireScope('accounts:write')
  @Operation({
    summary: 'Keep somebody out, or let them in again',
    description: 'Out means at once: every sign-in ends, access tokens within five minutes. What they ordered goes on.',
    answer: accountStanding,
    sends: ['ETag'],
    takes: ['If-Match'],
    needs: 'If-Match',
    refuses: ['account-not-found', 'own-standing'],
  })
  changeStanding(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) account: string,
    @Body({ schema: newStanding }) body: ChangeStanding,
    @IfMatch('required') versions: readonly number[] | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountStanding> {
    return answer(
      reply,
      this.auth.request({
        method: 'PUT',
        path: `/accounts/${account}/standing`,
        body,
        headers: ifMatch(versions, '*'),
        token,
        schema: accountStanding,
        idempotent: false,
      }),
    );
  }
}
