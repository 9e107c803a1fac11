import { Controller } from '@nestjs/common';
import { AccountsController } from '../accounts.controller.ts';

/** Accounts are the same in both versions. */
@Controller('v2/accounts')
export class AccountsV2Controller extends AccountsController {}
