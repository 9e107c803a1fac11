import type { Mail } from '../domain/message.ts';

/** A message that will never arrive, however often it is sent. The reason is a code and carries no address. */
export class Undeliverable extends Error {
  override readonly name = 'Undeliverable';

  constructor(readonly reason: string) {
    super(reason);
  }
}

/** A mail and whom it goes to: personal data, in memory only while it is being sent. */
export interface Envelope extends Mail {
  readonly to: { readonly address: string };
  /** The same for every attempt, so that a mail sent twice is read once. */
  readonly messageId: string;
}

/**
 * Hands a mail over to be delivered. Throws Undeliverable when it is refused for good, anything else when it may be
 * tried again.
 */
export abstract class Mailer {
  abstract send(envelope: Envelope): Promise<void>;
  abstract close(): Promise<void>;
}
