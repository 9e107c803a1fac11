import type {
  AccountRoles,
  AccountStanding,
  AccountView,
  ChangeRoles,
  ChangeStanding,
  MessagePage,
  NewProduct,
  OrderHistory,
  OrderPage,
  OrderView,
  PlaceOrder,
  Problem,
  ProblemCode,
  ProductPatch,
  ProductRecord,
  ProductView,
  RegisterAccount,
  Restock,
} from '@shop/contracts';
import { problems } from '@shop/contracts';
import { orderIn2, summaryIn2 } from '../v2/orders.ts';
import { productIn2, recordIn2 } from '../v2/products.ts';

const [productId, orderId, messageId, accountId] = [1, 2, 3, 4].map(
  (n) => `0198c0de-0000-7000-8000-00000000000${n}`,
) as [string, string, string, string];
const at = (second: number) => `2026-11-26T10:00:0${second}.000Z`;

const product: ProductView = {
  id: productId,
  sku: 'DEMO-MUG',
  name: 'Ablation Mug',
  description: 'Holds coffee as long as every practice is on.',
  price: 1_250,
  currency: 'EUR',
  available: 3,
};
const { available: _, ...words } = product;
const record: ProductRecord = {
  ...words,
  active: true,
  version: 2,
  stock: { initial: 10, free: 3, reserved: 2, sold: 5 },
};
const lamp: NewProduct = {
  sku: 'OAK-LAMP',
  name: 'Oak Lamp',
  description: 'Shines.',
  price: 4_900,
  currency: 'EUR',
  stock: 25,
};
const order: OrderView = {
  id: orderId,
  status: 'confirmed',
  lines: [{ productId, name: product.name, quantity: 2, unitPrice: product.price }],
  total: 2_500,
  currency: 'EUR',
  placedAt: at(0),
  version: 4,
};
const { lines: __, ...summary } = order;
const orders: OrderPage = { items: [summary], nextCursor: 'AvZ3cHk0' };
const history: OrderHistory = {
  id: orderId,
  events: [{ version: 1, type: 'OrderPlaced', recordedAt: at(0), data: { total: { amount: 2_500, currency: 'EUR' } } }],
};
const messages: MessagePage = {
  items: [
    {
      id: messageId,
      kind: 'order-confirmed',
      channel: 'mail',
      orderId,
      status: 'sent',
      createdAt: at(1),
      sentAt: at(2),
    },
  ],
};
const registration: RegisterAccount = {
  email: 'dana@example.com',
  password: 'correct horse battery',
  name: 'Dana Demo',
};
const account: AccountView = { id: accountId, email: registration.email, name: registration.name };
const wish: PlaceOrder = { lines: [{ productId, quantity: 2 }], paymentToken: 'tok_good_card' };
const patch: ProductPatch = { price: 1_450 };
const delivery: Restock = { quantity: 50 };
const roles: AccountRoles = { roles: ['customer', 'support'], version: 2 };
const standing: AccountStanding = { disabled: true, version: 3 };
const newStanding: ChangeStanding = { disabled: true };
const newRoles: ChangeRoles = { roles: ['customer', 'support'] };

/** One value of every schema of the API that has a name, by that name; a spec holds each against its schema. */
export const examples: Readonly<Record<string, unknown>> = {
  Index: {
    documentation: '/docs',
    openapi: '/openapi.json',
    products: '/v2/products',
    orders: '/v2/orders',
    signIn: '/oidc/.well-known/openid-configuration',
  },
  Product: product,
  ProductPage: { items: [product], nextCursor: 'AvZ3cHk0' },
  ProductRecord: record,
  NewProduct: lamp,
  ProductPatch: patch,
  Restock: delivery,
  Order: order,
  OrderPage: orders,
  OrderHistory: history,
  PlaceOrder: wish,
  MessagePage: messages,
  RegisterAccount: registration,
  Account: account,
  AccountRoles: roles,
  AccountStanding: standing,
  ChangeStanding: newStanding,
  ChangeRoles: newRoles,
  ProductV2: productIn2(product),
  ProductPageV2: { data: [productIn2(product)], page: { next: '/v2/products?cursor=AvZ3cHk0' } },
  ProductRecordV2: recordIn2(record),
  NewProductV2: {
    sku: lamp.sku,
    name: lamp.name,
    description: lamp.description,
    price: { amount: lamp.price, currency: lamp.currency },
    stock: lamp.stock,
  },
  ProductPatchV2: { price: { amount: 1_450 } },
  OrderV2: orderIn2(order),
  OrderPageV2: { data: [summaryIn2(summary)], page: {} },
  MessagePageV2: { data: messages.items, page: {} },
};

/** What a refusal with this code looks like. */
export function exampleOf(code: ProblemCode, titles: Readonly<Record<string, string | undefined>>): Problem {
  const [status, detail] = problems[code];
  const errors =
    code === 'validation-failed'
      ? { errors: [{ pointer: '/query/limit', detail: 'Too big: expected number to be <=100' }] }
      : {};
  return {
    type: `urn:shop:problem:${code}`,
    title: titles[status] ?? 'Error',
    status,
    code,
    detail,
    traceId: '0af7651916cd43dd8448eb211c80319c',
    ...errors,
  };
}
