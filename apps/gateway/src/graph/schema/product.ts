import { Field, ID, Int, ObjectType } from '@nestjs/graphql';
import type { ProductPage as Page, ProductView } from '@shop/contracts';
import { Amount } from './scalars.ts';

@ObjectType({ description: 'Something on sale.' })
export class Product implements ProductView {
  @Field(() => ID) declare id: string;
  @Field({ description: "The shop's own number of it." }) declare sku: string;
  @Field() declare name: string;
  @Field() declare description: string;
  @Field(() => Amount) declare price: number;
  @Field({ description: 'ISO 4217.' }) declare currency: string;
  @Field(() => Int, { description: 'How many there are, some seconds ago: an order is decided by what there is then.' }) declare available: number;
}

@ObjectType()
export class ProductPage implements Page {
  @Field(() => [Product]) declare items: Product[];
  @Field({ nullable: true, description: 'Where the next page begins (`after`); null at the end.' }) declare nextCursor?: string;
}
