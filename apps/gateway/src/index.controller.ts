import { Controller, Get } from '@nestjs/common';
import { Public } from '@shop/platform';
import { z } from 'zod';
import { Operation } from './docs/operation.ts';

const index = z
  .object({
    documentation: z.string(),
    openapi: z.string(),
    products: z.string(),
    orders: z.string(),
    signIn: z.string(),
  })
  .meta({ id: 'Index' });

@Public()
@Controller()
export class IndexController {
  @Get()
  @Operation({ summary: 'Where to go from here', answer: index })
  show(): z.infer<typeof index> {
    return {
      documentation: '/docs',
      openapi: '/openapi.json',
      products: '/v2/products',
      orders: '/v2/orders',
      signIn: '/oidc/.well-known/openid-configuration',
    };
  }
}
