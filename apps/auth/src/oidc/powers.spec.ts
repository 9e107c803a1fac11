import { describe, expect, it } from 'vitest';
import { powersOf } from './powers.ts';

const asked = ['openid', 'orders:read', 'products:write', 'accounts:write'];
const of = (client: string, roles: string[], amr: string[] | undefined) => {
  const { roles: held, withheld, beyond } = powersOf({ client, roles, amr });
  return [held, withheld, beyond(asked)];
};
const administration = ['products:write', 'accounts:write'];

describe('a sign-in', () => {
  it.each([
    [
      'of an admin with password and code has every power',
      'shop-cli',
      ['customer', 'admin'],
      ['pwd', 'otp', 'mfa'],
      [['customer', 'admin'], [], []],
    ],
    [
      'of an admin with a password alone has those of a customer, and says which are withheld',
      'shop-cli',
      ['customer', 'admin'],
      ['pwd'],
      [['customer'], ['admin'], administration],
    ],
    [
      'of which nobody knows how it was made has no power of an admin',
      'shop-cli',
      ['customer', 'admin'],
      undefined,
      [['customer'], ['admin'], administration],
    ],
    [
      'of two factors gives a customer nothing',
      'shop-cli',
      ['customer'],
      ['pwd', 'otp', 'mfa'],
      [['customer'], [], administration],
    ],
    [
      'of those who serve customers takes a password',
      'shop-cli',
      ['customer', 'support'],
      ['pwd'],
      [['customer', 'support'], [], administration],
    ],
    [
      'at a program of others has no role, whatever the factors',
      'parcel-tracker',
      ['customer', 'admin'],
      ['pwd', 'otp', 'mfa'],
      [[], [], administration],
    ],
  ])('%s', (_what, client, roles, amr, expected) => expect(of(client, roles, amr)).toEqual(expected));
});
