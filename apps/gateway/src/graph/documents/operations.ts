import { createHash } from 'node:crypto';

const orderParts =
  'id status total currency placedAt version cancellation lines { productId name quantity unitPrice product { id name price available } }';

/**
 * The operations of the shop's own clients. Where GRAPH_OPERATIONS is `listed`, as it is by default, nothing else is
 * executed: a client names one of them by the SHA-256 of its text. One is never edited, since clients that are out
 * there know its name: add another.
 */
const texts = [
  'query Products($limit: Int, $after: String) { products(limit: $limit, after: $after) { items { id sku name price currency available } nextCursor } }',
  'query Product($id: ID!) { product(id: $id) { id sku name description price currency available } }',
  `query Order($id: ID!) { order(id: $id) { ${orderParts} } }`,
  `query Orders($limit: Int, $after: String) { orders(limit: $limit, after: $after) { items { ${orderParts} } nextCursor } }`,
  'query Notifications($limit: Int, $after: String) { notifications(limit: $limit, after: $after) { items { id kind channel orderId status createdAt sentAt } nextCursor } }',
  'mutation PlaceOrder($input: PlaceOrderInput!, $key: String) { placeOrder(input: $input, idempotencyKey: $key) { id status total currency version } }',
  'mutation CancelOrder($id: ID!, $ifVersion: Int) { cancelOrder(id: $id, ifVersion: $ifVersion) { id status version cancellation } }',
  'subscription OrderState($id: ID!, $after: Int) { orderState(id: $id, after: $after) { orderId version status cancellation at } }',
];

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The listed operations by the SHA-256 of their text, in hex. */
export const operations: ReadonlyMap<string, string> = new Map(texts.map((text) => [sha256(text), text]));
