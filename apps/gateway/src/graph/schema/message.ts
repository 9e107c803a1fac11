import { Field, ID, ObjectType } from '@nestjs/graphql';
import type { MessagePage, MessageView } from '@shop/contracts';
import { Channel, MessageKind, MessageStatus } from './enums.ts';
import { DateTime } from './scalars.ts';

@ObjectType({ description: 'A message to you about an order, and how far its delivery is.' })
export class Notification implements MessageView {
  @Field(() => ID) declare id: string;
  @Field(() => MessageKind) declare kind: MessageView['kind'];
  @Field(() => Channel) declare channel: MessageView['channel'];
  @Field(() => ID) declare orderId: string;
  @Field(() => MessageStatus) declare status: MessageView['status'];
  @Field(() => DateTime) declare createdAt: string;
  @Field(() => DateTime, { nullable: true }) declare sentAt?: string;
}

@ObjectType()
export class NotificationPage implements MessagePage {
  @Field(() => [Notification]) declare items: Notification[];
  @Field({ nullable: true, description: 'Where the next page begins (`after`); null at the end.' }) declare nextCursor?: string;
}
