/** Where a person can be reached. */
export interface Address {
  readonly name: string;
  readonly address: string;
}

/** The owner of the mailbox has not said yet that the account is theirs: nothing goes there until then. */
export class Unverified extends Error {
  override readonly name = 'Unverified';
}

/**
 * Addresses of accounts, asked for at the moment of sending and kept nowhere. Throws Undeliverable for an account that
 * is gone, and Unverified.
 */
export abstract class Addresses {
  abstract of(accountId: string): Promise<Address>;
  abstract close(): Promise<void>;
}
