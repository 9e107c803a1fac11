import { registerEnumType } from '@nestjs/graphql';
import { cancellationReason, messageKind, messageView, orderStatus } from '@shop/contracts';

/** The contract's words under the names that GraphQL allows: `out-of-stock` is OUT_OF_STOCK. */
function enumOf<T extends string>(name: string, description: string, words: readonly T[]): Record<string, T> {
  const type = Object.fromEntries(words.map((word) => [word.toUpperCase().replaceAll('-', '_'), word]));
  registerEnumType(type, { name, description });
  return type;
}

export const OrderStatus = enumOf(
  'OrderStatus',
  'How far an order is: placed, reserved, confirmed; or cancelled from any of the first two.',
  orderStatus.options,
);
export const CancellationReason = enumOf(
  'CancellationReason',
  'Why an order ended without a sale.',
  cancellationReason.options,
);
export const MessageKind = enumOf('MessageKind', 'What a message is about.', messageKind.options);
export const MessageStatus = enumOf(
  'MessageStatus',
  'How far the delivery of a message is.',
  messageView.shape.status.options,
);
export const Channel = enumOf('Channel', 'By which way a message goes.', messageView.shape.channel.options);
