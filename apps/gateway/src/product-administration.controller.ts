import { Body, Controller, Get, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import { id, newProduct, productPatch, productRecord, restock, type NewProduct, type ProductPatch, type ProductRecord, type Restock } from '@shop/contracts';
import { CurrentPrincipal, IdempotencyKey, IfMatch, RequireRole, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer, ifMatch } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Catalog } from './upstreams.ts';

const product = strict(newProduct);
const patch = strict(productPatch);
const delivery = strict(restock);

@Controller('v1/products')
@RequireRole('admin')
@RequireScope('products:write')
export class ProductAdministrationController {
  constructor(private readonly catalog: Catalog) {}

  @Post()
  @Operation({
    summary: 'Add a product',
    status: 201,
    answer: productRecord,
    sends: ['Location', 'ETag', 'Idempotency-Replayed'],
    takes: ['Idempotency-Key'],
    refuses: ['sku-taken'],
  })
  create(
    @CurrentPrincipal() { token }: Principal,
    @IdempotencyKey() key: string,
    @Body({ schema: product }) body: NewProduct,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    const headers = { 'idempotency-key': key };
    return answer(reply, this.catalog.request({ method: 'POST', path: '/products', body, headers, token, schema: productRecord, idempotent: true }));
  }

  @Get(':id/record')
  @Operation({ summary: 'One product on sale or not, with all of its stock', answer: productRecord, sends: ['ETag'], takes: ['If-None-Match'], refuses: ['product-not-found'] })
  record(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) product: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    return answer(reply, this.catalog.request({ method: 'GET', path: `/products/${product}/record`, token, schema: productRecord }));
  }

  @Patch(':id')
  @Operation({
    summary: 'Change a product',
    description: 'A JSON Merge Patch (RFC 7396): its price, its words, or whether it is on sale. Orders that are placed keep their prices.',
    answer: productRecord,
    sends: ['ETag'],
    takes: ['If-Match'],
    needs: 'If-Match',
    refuses: ['product-not-found'],
  })
  change(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) product: string,
    @Body({ schema: patch }) body: ProductPatch,
    @IfMatch('required') version: number | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    return answer(reply, this.catalog.request({ method: 'PATCH', path: `/products/${product}`, body, headers: ifMatch(version, '*'), token, schema: productRecord }));
  }

  @Post(':id/restock')
  @HttpCode(200)
  @Operation({
    summary: 'Take a delivery in',
    description: 'What comes in is free to be ordered at once.',
    answer: productRecord,
    sends: ['ETag', 'Idempotency-Replayed'],
    takes: ['Idempotency-Key'],
    refuses: ['product-not-found', 'stock-too-large'],
  })
  restock(
    @CurrentPrincipal() { token }: Principal,
    @Param('id', { schema: id }) product: string,
    @IdempotencyKey() key: string,
    @Body({ schema: delivery }) body: Restock,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductRecord> {
    const headers = { 'idempotency-key': key };
    return answer(reply, this.catalog.request({ method: 'POST', path: `/products/${product}/restock`, body, headers, token, schema: productRecord, idempotent: true }));
  }
}
