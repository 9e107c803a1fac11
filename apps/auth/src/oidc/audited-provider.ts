import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Audit, Circumstances, SecurityEvent } from '../audit/audit.ts';
import type { NoteReuse } from './artifact-store.ts';
import { currentExchange } from './exchange.ts';

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
  provider.on('grant.revoked', (ctx) =>
    note(ctx, 'grant-revoked', { account: accountIn(ctx), details: { by: ctx.oidc.route } }),
  );
  // Nobody signed in: who has the secret has the power, so each use of it is there to be read.
  provider.on('grant.success', (ctx) => {
    if (ctx.oidc.params?.['grant_type'] === 'client_credentials')
      note(ctx, 'client-token-issued', { details: { scope: ctx.oidc.entities.ClientCredentials?.scope } });
  });
  provider.on('grant.error', (ctx, error) => {
    if (error.error !== 'invalid_client') return;
    // Whom a stranger pretends to be is only text of theirs, unless there is such a client.
    note(ctx, 'client-refused', { details: { route: ctx.oidc.route } });
  });
}

/**
 * A code or a refresh token came a second time: somebody has a copy, or, within the grace period, an answer was lost or
 * two tabs asked at once.
 */
export function noteReuse(audit: Audit, model: string): NoteReuse {
  const late = model === 'RefreshToken' ? 'refresh-reused' : 'code-reused';
  return ({ accountId, clientId }, { inGrace }) =>
    audit.note(inGrace ? 'refresh-repeated' : late, {
      account: accountId,
      client: clientId,
      address: currentExchange()?.request.ip,
    });
}

function accountIn({ oidc }: KoaContextWithOIDC): string | undefined {
  const { RefreshToken, AuthorizationCode, Account } = oidc.entities;
  return RefreshToken?.accountId ?? AuthorizationCode?.accountId ?? Account?.accountId ?? oidc.session?.accountId;
}
