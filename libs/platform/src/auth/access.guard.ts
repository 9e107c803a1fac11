import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { HttpProblem } from '../http/http-problem.ts';
import { requestOf } from '../http/request-of.ts';
import { publicKey, rolesKey, scopesKey, type Principal } from './principal.ts';
import { InvalidToken, TokenVerifier } from './token-verifier.ts';

/** Closed unless opened: every route wants a valid access token, except where `@Public()` says otherwise. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokenVerifier,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const where = [execution.getHandler(), execution.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(publicKey, where)) return true;
    const request = requestOf(execution);
    request.principal = await this.#authenticate(request.headers.authorization);
    const roles = this.reflector.getAllAndOverride<string[] | undefined>(rolesKey, where) ?? [];
    assertFactors(request.principal, roles);
    const needed = this.reflector.getAllAndOverride<string[] | undefined>(scopesKey, where) ?? [];
    assertScopes(request.principal, needed);
    assertRole(request.principal, roles);
    return true;
  }

  async #authenticate(authorization: string | undefined): Promise<Principal> {
    const token = /^Bearer ([\w~+/.-]+=*)$/i.exec(authorization ?? '')?.[1];
    // RFC 6750: who sent no credentials is told how to, and of no error.
    if (token === undefined) throw unauthorized('token-missing', 'This needs an access token.', 'Bearer');
    try {
      return await this.tokens.verify(token);
    } catch (error) {
      if (error instanceof InvalidToken)
        throw unauthorized('token-invalid', error.message, 'Bearer error="invalid_token"');
      throw error;
    }
  }
}

/** Before scopes, which such a sign-in lacks, too: what to do about it is what helps. */
function assertFactors({ roles, withheld }: Principal, allowed: readonly string[]): void {
  if (allowed.some((role) => roles.has(role)) || !allowed.some((role) => withheld?.has(role))) return;
  const headers = {
    'www-authenticate':
      'Bearer error="insufficient_user_authentication", error_description="a second factor is required"',
  };
  throw new HttpProblem(
    403,
    'second-factor-required',
    'Sign in with a second factor to do this. Add one on the page of your account, if you have none.',
    { headers },
  );
}

function assertScopes({ scopes }: Principal, needed: readonly string[]): void {
  if (needed.every((scope) => scopes.has(scope))) return;
  const list = needed.join(' ');
  const headers = { 'www-authenticate': `Bearer error="insufficient_scope", scope="${list}"` };
  throw new HttpProblem(403, 'insufficient-scope', `This needs the scope ${list}.`, { headers });
}

function assertRole({ roles }: Principal, allowed: readonly string[]): void {
  if (allowed.length === 0 || allowed.some((role) => roles.has(role))) return;
  throw new HttpProblem(403, 'role-missing', `This is for the role ${allowed.join(' or ')}.`);
}

function unauthorized(code: string, detail: string, challenge: string): HttpProblem {
  return new HttpProblem(401, code, detail, { headers: { 'www-authenticate': challenge } });
}
