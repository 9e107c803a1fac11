import { Field, ID, ObjectType } from '@nestjs/graphql';
import type { MessagePage, MessageView } from '@shop/contracts';
import { Channel, MessageKind, MessageStatus } from './enums.ts';
import { DateTime } from './scalars.ts';

@ObjectType({ description: 'A message to you about an order, and how far its delivery is.' })
export class Notification implements MessageView {
  @Field(() => ID) readonly id!: string;
  @Field(() => MessageKind) readonly kind!: MessageView['kind'];
  @Field(() => Channel) readonly channel!: MessageView['channel'];
  @Field(() => ID) readonly orderId!: string;
  @Field(() => MessageStatus) readonly status!: MessageView['status'];
  @Field(() => DateTime) readonly createdAt!: string;
  @Field(() => DateTime, { nullable: true }) readonly sentAt?: string;
}

@ObjectType()
export class NotificationPage implements MessagePage {
  @Field(() => [Notification]) readonly items!: Notification[];
  @Field({ nullable: true, description: 'Where the next page begins (`after`); null at the end.' })
  readonly nextCursor?: string;
}
