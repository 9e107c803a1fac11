import { Controller } from '@nestjs/common';
import { orderPage, orderView } from '@shop/contracts';
import { ordersToldAs } from './orders.ts';

@Controller('v1/orders')
export class OrdersController extends ordersToldAs({
  order: orderView,
  page: orderPage,
  tell: (order) => order,
  tellPage: () => (page) => page,
}) {}
