import { Field, ID, Int, ObjectType } from '@nestjs/graphql';
import type { ProductPage as Page, ProductView } from '@shop/contracts';
import { Amount } from './scalars.ts';

@ObjectType({ description: 'Something on sale.' })
export class Product implements ProductView {
  @Field(() => ID) readonly id!: string;
  @Field({ description: "The shop's own number of it." }) readonly sku!: string;
  @Field() readonly name!: string;
  @Field() readonly description!: string;
  @Field(() => Amount) readonly price!: number;
  @Field({ description: 'ISO 4217.' }) readonly currency!: string;
  @Field(() => Int, { description: 'How many there are, some seconds ago: an order is decided by what there is then.' })
  readonly available!: number;
}

@ObjectType()
export class ProductPage implements Page {
  @Field(() => [Product]) readonly items!: Product[];
  @Field({ nullable: true, description: 'Where the next page begins (`after`); null at the end.' })
  readonly nextCursor?: string;
}
