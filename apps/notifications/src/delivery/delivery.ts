import { Injectable } from '@nestjs/common';
import { compose } from '../domain/message.ts';
import type { Claimed } from '../messages.ts';
import { Addresses } from './addresses.ts';
import { Mailer } from './mailer.ts';

/** One mail on its way: whom it goes to is asked only now, and forgotten with the call. */
@Injectable()
export class Delivery {
  constructor(
    private readonly addresses: Addresses,
    private readonly mailer: Mailer,
  ) {}

  /** Throws Undeliverable when it will never arrive, anything else when it may be tried again. */
  async send({ eventId, accountId, document }: Claimed): Promise<void> {
    const { name, address } = await this.addresses.of(accountId);
    await this.mailer.send({ ...compose(document, name), to: { address }, messageId: `<${eventId}@shop.example>` });
  }

  async close(): Promise<void> {
    await Promise.all([this.mailer.close(), this.addresses.close()]);
  }
}
