import { Body, Get, HttpCode, Injectable, Param, Patch, Post, Res } from '@nestjs/common';
import {
  id,
  productRecord,
  restock,
  type NewProduct,
  type ProductPatch,
  type ProductRecord,
  type Restock,
} from '@shop/contracts';
import { CurrentPrincipal, IdempotencyKey, IfMatch, RequireRole, RequireScope, type Principal } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { answer, ifMatch, told } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Catalog } from './upstreams.ts';

const delivery = strict(restock);

/** What a version of the API says of products, and is told of them. */
interface Telling<Record, New, Change> {
  readonly record: z.ZodType<Record>;
  readonly product: z.ZodType<New>;
  readonly patch: z.ZodType<Change>;
  readonly tell: (record: ProductRecord) => Record;
  readonly productOf: (said: New) => NewProduct;
  readonly patchOf: (said: Change) => ProductPatch;
}

/** Products for those who run the shop, in the words of one version. */
export function productAdministrationToldAs<Record, New, Change>(words: Telling<Record, New, Change>) {
  @Injectable()
  @RequireRole('admin')
  @RequireScope('products:write')
  class ProductAdministrationOfVersion {
    constructor(readonly catalog: Catalog) {}

    @Post()
    @Operation({
      summary: 'Add a product',
      status: 201,
      answer: words.record,
      sends: ['Location', 'ETag', 'Idempotency-Replayed'],
      takes: ['Idempotency-Key'],
      refuses: ['sku-taken'],
    })
    create(
      @CurrentPrincipal() { token }: Principal,
      @IdempotencyKey() key: string,
      @Body({ schema: words.product }) body: New,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Record> {
      const headers = { 'idempotency-key': key };
      return told(
        answer(
          reply,
          this.catalog.request({
            method: 'POST',
            path: '/products',
            body: words.productOf(body),
            headers,
            token,
            schema: productRecord,
            idempotent: true,
          }),
        ),
        words.tell,
      );
    }

    @Get(':id/record')
    @Operation({
      summary: 'One product on sale or not, with all of its stock',
      answer: words.record,
      sends: ['ETag'],
      takes: ['If-None-Match'],
      refuses: ['product-not-found'],
    })
    record(
      @CurrentPrincipal() { token }: Principal,
      @Param('id', { schema: id }) product: string,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Record> {
      return told(
        answer(
          reply,
          this.catalog.request({ method: 'GET', path: `/products/${product}/record`, token, schema: productRecord }),
        ),
        words.tell,
      );
    }

    @Patch(':id')
    @Operation({
      summary: 'Change a product',
      description:
        'A JSON Merge Patch (RFC 7396): its price, its words, or whether it is on sale. Orders that are placed keep their prices.',
      answer: words.record,
      sends: ['ETag'],
      takes: ['If-Match'],
      needs: 'If-Match',
      refuses: ['product-not-found'],
    })
    change(
      @CurrentPrincipal() { token }: Principal,
      @Param('id', { schema: id }) product: string,
      @Body({ schema: words.patch }) body: Change,
      @IfMatch('required') versions: readonly number[] | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Record> {
      return told(
        answer(
          reply,
          this.catalog.request({
            method: 'PATCH',
            path: `/products/${product}`,
            body: words.patchOf(body),
            headers: ifMatch(versions, '*'),
            token,
            schema: productRecord,
          }),
        ),
        words.tell,
      );
    }

    @Post(':id/restock')
    @HttpCode(200)
    @Operation({
      summary: 'Take a delivery in',
      description: 'What comes in is free to be ordered at once.',
      answer: words.record,
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
    ): Promise<Record> {
      const headers = { 'idempotency-key': key };
      return told(
        answer(
          reply,
          this.catalog.request({
            method: 'POST',
            path: `/products/${product}/restock`,
            body,
            headers,
            token,
            schema: productRecord,
            idempotent: true,
          }),
        ),
        words.tell,
      );
    }
  }
  return ProductAdministrationOfVersion;
}
