import { randomUUID } from 'node:crypto';
import {
  BadRequestException,
  Catch,
  ConflictException,
  ForbiddenException,
  HttpException,
  Injectable,
  NotFoundException,
  ServiceUnavailableException,
  StandardSchemaValidationPipe,
  UnauthorizedException,
  UnprocessableEntityException,
  type ArgumentsHost,
  type CanActivate,
  type ExecutionContext,
  type ExceptionFilter,
  type Type,
} from '@nestjs/common';
import { BaseExceptionFilter, NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DomainError, type DomainErrorKind } from '@shop/kernel';
import { HttpProblem, publicKey, rolesKey, scopesKey, TokenVerifier } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';

const exceptions: Record<DomainErrorKind, new (message: string) => HttpException> = {
  invalid: UnprocessableEntityException,
  'not-found': NotFoundException,
  conflict: ConflictException,
  forbidden: ForbiddenException,
  unavailable: ServiceUnavailableException,
};

/** An error of ours as Nest's own exceptions say it. Headers that a library sets with its refusal are set. */
function asNestHasIt(error: unknown, host: ArgumentsHost): unknown {
  if (error instanceof DomainError) return new exceptions[error.kind](error.message);
  if (!(error instanceof HttpProblem)) return error;
  void host.switchToHttp().getResponse<FastifyReply>().headers(error.headers);
  return new HttpException(error.message, error.status);
}

/** Nest's and Fastify's defaults, with our errors translated into Nest's. */
@Catch()
class NestDefaults extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    super.catch(asNestHasIt(error, host), host);
  }
}

/**
 * What many have instead: one shape of one's own, a code for each rule, fields, and an id for support, for whatever
 * comes by a filter.
 */
@Catch()
class OwnFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const exception = asNestHasIt(error, host);
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const own = error instanceof DomainError || error instanceof HttpProblem ? error.code : undefined;
    const { fields } = (
      exception instanceof HttpException && typeof exception.getResponse() === 'object' ? exception.getResponse() : {}
    ) as { fields?: object };
    const message = exception instanceof HttpException ? exception.message : 'Something went wrong.';
    const code = own ?? (fields ? 'validation' : exception instanceof HttpException ? exception.name : 'internal');
    void host
      .switchToHttp()
      .getResponse<FastifyReply>()
      .status(status)
      .send({ error: { code, message, ...(fields && { fields }), traceId: randomUUID() } });
  }
}

/** Access as Nest's own documentation has it: 401 and 403 by its exceptions. */
@Injectable()
class Access implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: Pick<TokenVerifier, 'verify'>,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const where = [execution.getHandler(), execution.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(publicKey, where)) return true;
    const { authorization = '' } = execution.switchToHttp().getRequest<FastifyRequest>().headers;
    const principal = await this.tokens.verify(authorization.replace(/^Bearer /, '')).catch(() => undefined);
    if (!principal) throw new UnauthorizedException();
    const [scopes, roles] = [scopesKey, rolesKey].map((key) => this.reflector.getAllAndOverride<string[]>(key, where));
    if (!scopes?.every((scope) => principal.scopes.has(scope)) || !roles?.some((role) => principal.roles.has(role)))
      throw new ForbiddenException();
    return true;
  }
}

const fieldsOf = (
  issues: readonly {
    readonly message: string;
    readonly path?: readonly unknown[] | undefined;
    readonly keys?: readonly string[];
  }[],
) =>
  issues.flatMap(({ message, path = [], keys = [''] }) =>
    keys.map((key) => ({ path: [...path, key].filter((step) => step !== ''), message })),
  );

const pipes: Record<string, StandardSchemaValidationPipe> = {
  'Nest’s defaults': new StandardSchemaValidationPipe(),
  'own filter': new StandardSchemaValidationPipe({
    exceptionFactory: (issues) =>
      new BadRequestException({ message: 'Validation failed', fields: fieldsOf(issues as never) }),
  }),
};

/**
 * The same controllers on Nest and Fastify as they come, with the bounds of the product's server. Answers with its
 * address.
 */
export async function startNaive(
  variant: string,
  module: Type,
  tokens: Pick<TokenVerifier, 'verify'>,
): Promise<string> {
  const adapter = new FastifyAdapter({
    bodyLimit: 64 * 1024,
    routerOptions: { maxParamLength: 128 },
    http: { maxHeaderSize: 16 * 1024 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger: false });
  app.useGlobalPipes(pipes[variant] as StandardSchemaValidationPipe);
  app.useGlobalGuards(new Access(new Reflector(), tokens));
  app.useGlobalFilters(variant === 'own filter' ? new OwnFilter() : new NestDefaults(app.getHttpAdapter()));
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}
