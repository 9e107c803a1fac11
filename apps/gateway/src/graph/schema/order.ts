import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { OrderPage as Page, OrderSummary, OrderView, PlaceOrder } from '@shop/contracts';
import { CancellationReason, OrderStatus } from './enums.ts';
import { Amount, DateTime } from './scalars.ts';

@ObjectType({ description: 'One product of an order, at the price it was ordered at.' })
export class OrderLine {
  @Field(() => ID) declare productId: string;
  @Field() declare name: string;
  @Field(() => Int) declare quantity: number;
  @Field(() => Amount) declare unitPrice: number;
}

@ObjectType({ description: 'An order of yours. Lists may lag behind it by some milliseconds; `order(id)` never does.' })
export class Order implements OrderSummary {
  @Field(() => ID) declare id: string;
  @Field(() => OrderStatus) declare status: OrderView['status'];
  @Field(() => Amount) declare total: number;
  @Field({ description: 'ISO 4217.' }) declare currency: string;
  @Field(() => DateTime) declare placedAt: string;
  @Field(() => Int, { description: 'How many events made it what it is.' }) declare version: number;
}

@ObjectType()
export class OrderPage implements Page {
  @Field(() => [Order]) declare items: Order[];
  @Field({ nullable: true, description: 'Where the next page begins (`after`); null at the end.' }) declare nextCursor?: string;
}

@InputType()
export class OrderLineInput {
  @Field(() => ID) declare productId: string;
  @Field(() => Int, { description: 'From 1 to 1000.' }) declare quantity: number;
}

@InputType()
export class PlaceOrderInput implements PlaceOrder {
  @Field(() => [OrderLineInput], { description: 'From 1 to 50, each product once.' }) declare lines: OrderLineInput[];
  @Field({ description: 'What the payment provider gave for the card; never the card.' }) declare paymentToken: string;
}

@ObjectType({ description: 'An order as it was after one of its events.' })
export class OrderState {
  @Field(() => ID) declare orderId: string;
  @Field(() => Int, { description: 'Of the event: 1, 2, 3 …, none left out. Send the last one you saw as `after` when you subscribe again.' })
  declare version: number;
  @Field(() => OrderStatus) declare status: OrderView['status'];
  @Field(() => CancellationReason, { nullable: true }) declare cancellation?: OrderView['cancellation'];
  @Field(() => DateTime) declare at: string;
}
