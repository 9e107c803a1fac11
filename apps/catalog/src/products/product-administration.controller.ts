import { Body, Controller, Get, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import {
  id,
  newProduct,
  productPatch,
  productRecord,
  restock,
  type NewProduct,
  type ProductPatch,
  type ProductRecord,
  type Restock,
} from '@shop/contracts';
import type { Once } from '@shop/eventing';
import {
  CurrentPrincipal,
  entityTag,
  IdempotencyKey,
  IfMatch,
  RequireRole,
  RequireScope,
  type Principal,
} from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { ProductAdministration } from './product-administration.ts';

/** What only the people who run the shop may do to products. */
@Controller('products')
@RequireRole('admin')
@RequireScope('products:write')
export class ProductAdministrationController {
  constructor(private readonly products: ProductAdministration) {}

  @Post()
  async create(
    @CurrentPrincipal() { subject: principal }: Principal,
    @IdempotencyKey() key: string,
    @Body({ schema: newProduct }) body: NewProduct,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    const made = await this.products.create({ principal, key }, body);
    reply.header('location', `/v1/products/${made.answer.id}`);
    return once(reply, made);
  }

  @Get(':id/record')
  async record(
    @Param('id', { schema: id }) product: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    return tagged(reply, await this.products.get(product));
  }

  @Patch(':id')
  async change(
    @Param('id', { schema: id }) product: string,
    @Body({ schema: productPatch }) patch: ProductPatch,
    @IfMatch('required') versions: readonly number[] | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    return tagged(reply, await this.products.change(product, patch, versions));
  }

  @Post(':id/restock')
  @HttpCode(200)
  async restock(
    @CurrentPrincipal() { subject: principal }: Principal,
    @Param('id', { schema: id }) product: string,
    @IdempotencyKey() key: string,
    @Body({ schema: restock }) body: Restock,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    return once(reply, await this.products.restock(product, { principal, key }, body));
  }
}

function once(reply: FastifyReply, { answer, replayed }: Once<ProductRecord>): ProductRecord {
  if (replayed) reply.header('idempotency-replayed', 'true');
  return tagged(reply, answer);
}

function tagged(reply: FastifyReply, product: ProductRecord): ProductRecord {
  // In the schema's order: what is stored under a key comes back with its fields in another, and the same answer has
  // the same tag.
  const shown = productRecord.parse(product);
  reply.header('etag', entityTag(shown.version, shown));
  return shown;
}
