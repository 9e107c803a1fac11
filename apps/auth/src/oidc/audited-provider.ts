import type { AdapterPayload, KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Audit, Circumstances, SecurityEvent } from '../audit/audit.ts';

/** Writes down what the library tells by events; an answer waits until it is written. */
export function auditProvider(provider: Provider, audit: Audit): void {
  const writing = new WeakMap<object, Promise<void>[]>();
  const note = (ctx: KoaContextWithOIDC, event: SecurityEvent, more: Circumstances) => {
    const about = { client: ctx.oidc.client?.clientId, address: ctx.ip, ...more };
    const written = audit.note(event, about);
    // Whoever awaits it below sees the failure; meanwhile it is nobody's unhandled rejection.
    written.catch(() => undefined);
    writing.set(ctx, [...(writing.get(ctx) ?? []), written]);
  };
  provider.use(async (ctx, next) => {
    await next();
    await Promise.all(writing.get(ctx) ?? []);
  });
  provider.on('grant.revoked', (ctx) => note(ctx, 'grant-revoked', { account: accountIn(ctx), details: { by: ctx.oidc.route } }));
  provider.on('grant.error', (ctx, error) => {
    if (error.error !== 'invalid_client') return;
    // Whom a stranger pretends to be is only text of theirs, unless there is such a client.
    note(ctx, 'client-refused', { details: { route: ctx.oidc.route } });
  });
}

/** A code or a refresh token came a second time: somebody has a copy. */
export async function noteReuse(audit: Audit, model: string, { accountId, clientId }: AdapterPayload): Promise<void> {
  const event = model === 'RefreshToken' ? 'refresh-reused' : 'code-reused';
  await audit.note(event, { account: accountId, client: clientId });
}

function accountIn({ oidc }: KoaContextWithOIDC): string | undefined {
  const { RefreshToken, AuthorizationCode, Account } = oidc.entities;
  return RefreshToken?.accountId ?? AuthorizationCode?.accountId ?? Account?.accountId ?? oidc.session?.accountId;
}
