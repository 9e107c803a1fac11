import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { id, registerAccount, type AccountView, type RegisterAccount } from '@shop/contracts';
import { Public, RequireScope } from '@shop/platform';
import { z } from 'zod';
import { Accounts } from './accounts.ts';

const byId = z.object({ id });

@Controller('accounts')
export class AccountsController {
  constructor(private readonly accounts: Accounts) {}

  @Post()
  @Public()
  register(@Body({ schema: registerAccount }) body: RegisterAccount): Promise<AccountView> {
    return this.accounts.register(body);
  }

  /** For services that write to people: no customer's token has this scope. */
  @Get(':id')
  @RequireScope('accounts:read')
  view(@Param({ schema: byId }) { id }: z.output<typeof byId>): Promise<AccountView> {
    return this.accounts.view(id);
  }
}
