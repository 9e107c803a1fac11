import { createParamDecorator, SetMetadata, type CustomDecorator, type ExecutionContext } from '@nestjs/common';
import { requestOf } from '../http/request-of.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined on public routes: nobody is known there, whatever the request bears. */
    principal: Principal | undefined;
  }
}

/** Who is calling, as a verified access token says. */
export interface Principal {
  /** Opaque id of the person, or of the client itself where no person is involved. */
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  /** Roles of the person that this token does not have, because the sign-in was made without a second factor. */
  readonly withheld?: ReadonlySet<string>;
  /** The raw access token, to pass on to the next service, which verifies it again. */
  readonly token: string;
}

export const publicKey = 'shop:public';
export const scopesKey = 'shop:scopes';
export const rolesKey = 'shop:roles';

/** Opens a route, or a controller, to callers without a token. */
export const Public = (): CustomDecorator => SetMetadata(publicKey, true);

/** The scopes a token needs for a route, all of them; 403 otherwise. */
export const RequireScope = (...scopes: string[]): CustomDecorator => SetMetadata(scopesKey, scopes);

/** The roles of which the caller must have one; 403 otherwise. */
export const RequireRole = (...roles: string[]): CustomDecorator => SetMetadata(rolesKey, roles);

/** The caller, on a route that is not public. */
export const CurrentPrincipal = createParamDecorator((_: unknown, execution: ExecutionContext): Principal => {
  const { principal } = requestOf(execution);
  if (!principal) throw new Error('@CurrentPrincipal() on a public route: nobody is known there.');
  return principal;
});
