import type { Patch } from './patches.ts';

const stock = { file: 'apps/catalog/src/stock/stock.ts', caughtBy: 'apps/catalog/src/stock/stock.int.spec.ts' };

/** What orders ask for: stock, money and mails, made wrong in one place each. */
export const neighbourPatches: readonly Patch[] = [
  {
    name: 'the provider is asked under a new key each time',
    invariant: 'I3',
    file: 'apps/payments/src/http-payment-provider.ts',
    caughtBy: 'apps/payments/src/payment-provider.int.spec.ts',
    find: "'idempotency-key': idempotencyKey }",
    replace: "'idempotency-key': idempotencyKey + Math.random() }",
  },
  {
    name: 'stock that is given back goes nowhere',
    invariant: 'I5',
    ...stock,
    find: 'FROM held WHERE id = product_id)\n  SELECT version FROM ended',
    replace: 'FROM held WHERE id = product_id AND false)\n  SELECT version FROM ended',
  },
  {
    name: 'stock is taken without looking whether it is there',
    invariant: 'I5',
    ...stock,
    find: "CASE WHEN bool_and(available >= quantity) THEN 'reserved'",
    replace: "CASE WHEN true THEN 'reserved'",
  },
  {
    name: 'stock does not answer who asks again',
    invariant: 'I6',
    ...stock,
    find: 'if (!made) return this.tellAgain(effect, tx, { orderId, lines });',
    replace: 'if (!made) return;',
  },
  {
    name: 'payments does not answer who asks again',
    invariant: 'I6',
    file: 'apps/payments/src/payments.ts',
    caughtBy: 'apps/payments/src/payments.int.spec.ts',
    find: 'const standing = events.length === 0 ? stands(before.state) : undefined;',
    replace: 'const standing = events.length === 99 ? stands(before.state) : undefined;',
  },
  {
    name: 'money that only the provider knows of is not noticed',
    invariant: 'I5',
    file: 'apps/payments/src/ledger-comparison.ts',
    caughtBy: 'apps/payments/src/ledger-comparison.int.spec.ts',
    find: 'if (agrees(state, standing)) return',
    replace: 'if (standing) return',
  },
  {
    name: 'a night without a mail server costs mails',
    invariant: 'I6',
    file: 'apps/notifications/src/domain/attempts.ts',
    caughtBy: 'apps/notifications/src/domain/message.spec.ts',
    find: 'export const MAX_ATTEMPTS = 530;',
    replace: 'export const MAX_ATTEMPTS = 20;',
  },
  {
    name: 'a mail that is sent again waits for its next attempt',
    invariant: 'I6',
    file: 'apps/notifications/src/undelivered.ts',
    caughtBy: 'apps/notifications/src/undelivered.int.spec.ts',
    find: "SET status = 'queued', attempts = 0, next_attempt_at = clock_timestamp()",
    replace: "SET status = 'queued', attempts = 0",
  },
];
