import { Database } from '@shop/platform';
import { describe, expect, it } from 'vitest';
import { Audit } from '../audit/audit.ts';
import { Accounts } from './accounts.ts';
import { Passwords } from './passwords.ts';

describe('accounts', () => {
  it('are unavailable, and nothing worse, while the database is', async () => {
    const nobodyThere = new Database('postgres://auth:x@127.0.0.1:1/auth', { size: 1, application: 'spec' });
    const accounts = new Accounts(nobodyThere, new Passwords(), new Audit(nobodyThere));
    await expect(accounts.recipient(crypto.randomUUID())).rejects.toMatchObject({
      name: 'DomainError',
      kind: 'unavailable',
    });
    await expect(accounts.withAddress('demo@example.com')).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
