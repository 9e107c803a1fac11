import { audited } from '@shop/eventing';
import type { Database } from '@shop/platform';
import type { ProductAnnouncement } from './product-announcement.ts';

/** Announces every product again because a person wants it, which is written down. Answers what came of it. */
export function announceAll(
  database: Database,
  announcement: ProductAnnouncement,
  { operator, signal }: { operator: string; signal?: AbortSignal },
): Promise<string> {
  return audited(
    database,
    { operator, action: 'announce', consumer: 'orders.prices' },
    async () => `announced ${await announcement.run({ signal })} products`,
  );
}
