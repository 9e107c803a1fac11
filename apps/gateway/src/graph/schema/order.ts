import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { OrderPage as Page, OrderSummary, OrderView, PlaceOrder } from '@shop/contracts';
import { CancellationReason, OrderStatus } from './enums.ts';
import { Amount, DateTime } from './scalars.ts';

@ObjectType({ description: 'One product of an order, at the price it was ordered at.' })
export class OrderLine {
  @Field(() => ID) readonly productId!: string;
  @Field() readonly name!: string;
  @Field(() => Int) readonly quantity!: number;
  @Field(() => Amount) readonly unitPrice!: number;
}

@ObjectType({ description: 'An order of yours. Lists may lag behind it by some milliseconds; `order(id)` never does.' })
export class Order implements OrderSummary {
  @Field(() => ID) readonly id!: string;
  @Field(() => OrderStatus) readonly status!: OrderView['status'];
  @Field(() => Amount) readonly total!: number;
  @Field({ description: 'ISO 4217.' }) readonly currency!: string;
  @Field(() => DateTime) readonly placedAt!: string;
  @Field(() => Int, { description: 'How many events made it what it is.' }) readonly version!: number;
}

@ObjectType()
export class OrderPage implements Page {
  @Field(() => [Order]) readonly items!: Order[];
  @Field({ nullable: true, description: 'Where the next page begins (`after`); null at the end.' })
  readonly nextCursor?: string;
}

@InputType()
export class OrderLineInput {
  @Field(() => ID) readonly productId!: string;
  @Field(() => Int, { description: 'From 1 to 1000.' }) readonly quantity!: number;
}

@InputType()
export class PlaceOrderInput implements PlaceOrder {
  @Field(() => [OrderLineInput], { description: 'From 1 to 50, each product once.' }) readonly lines!: OrderLineInput[];
  @Field({ description: 'What the payment provider gave for the card; never the card.' })
  readonly paymentToken!: string;
}

@ObjectType({ description: 'An order as it was after one of its events.' })
export class OrderState {
  @Field(() => ID) readonly orderId!: string;
  @Field(() => Int, {
    description:
      'Of the event: 1, 2, 3 …, none left out. Send the last one you saw as `after` when you subscribe again.',
  })
  readonly version!: number;
  @Field(() => OrderStatus) readonly status!: OrderView['status'];
  @Field(() => CancellationReason, { nullable: true }) readonly cancellation?: OrderView['cancellation'];
  @Field(() => DateTime) readonly at!: string;
}
