import { Injectable } from '@nestjs/common';
import { Cache, CacheStore, type CachePolicy } from '@shop/platform';

/**
 * How old a product may be to its readers (docs/adr/0025). A change of its name, price or place on sale is told by an
 * event and seen at once; its stock moves with every order and is no more exact than this: four seconds, or five
 * minutes while the database is away.
 */
export const productPolicy: CachePolicy = {
  name: 'catalog.products',
  version: 1,
  freshMs: 2_000,
  revalidateMs: 2_000,
  errorMs: 300_000,
  absentMs: 1_000,
};

/** Product reads, shared by all instances. Pages bear one tag, since any product may come to be on any of them. */
@Injectable()
export class ProductCache extends Cache {
  constructor(store: CacheStore) {
    super(store, productPolicy);
  }
}

export const tags = { pages: 'pages', product: (id: string) => `product:${id}` };
