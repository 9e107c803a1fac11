import { Body, Controller, Post, Res } from '@nestjs/common';
import { accountView, registerAccount, type AccountView, type RegisterAccount } from '@shop/contracts';
import { Public } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Auth } from './upstreams.ts';

const newAccount = strict(registerAccount);

@Public()
@Controller('v1/accounts')
export class AccountsController {
  constructor(private readonly auth: Auth) {}

  @Post()
  @Operation({ summary: 'Register as a customer', status: 201, answer: accountView, refuses: [409, 413, 415, 422] })
  register(@Body({ schema: newAccount }) body: RegisterAccount, @Res({ passthrough: true }) reply: FastifyReply): Promise<AccountView> {
    return answer(reply, this.auth.request({ method: 'POST', path: '/accounts', body, schema: accountView }));
  }
}
