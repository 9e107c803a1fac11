import { Controller } from '@nestjs/common';
import { orderPage2, orderView2 } from '@shop/contracts';
import { ordersToldAs } from '../orders.ts';
import { orderIn2, summaryIn2 } from './orders.ts';
import { pageIn2 } from './page.ts';

@Controller('v2/orders')
export class OrdersV2Controller extends ordersToldAs({
  order: orderView2,
  page: orderPage2,
  tell: orderIn2,
  tellPage: (reply) => pageIn2(reply, summaryIn2),
}) {}
