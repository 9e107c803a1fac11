/** Where a person can be reached. */
export interface Address {
  readonly name: string;
  readonly address: string;
}

/** Addresses of accounts, asked for at the moment of sending and kept nowhere. Throws Undeliverable for an account that is gone. */
export abstract class Addresses {
  abstract of(accountId: string): Promise<Address>;
  abstract close(): Promise<void>;
}
