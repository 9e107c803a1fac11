import { Injectable, type INestApplication } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { publicKey, rolesKey, scopesKey } from '@shop/platform';
import type { z } from 'zod';
import { GatewayConfig } from '../gateway.config.ts';
import { complete, type Published } from './complete.ts';
import { toJsonSchema } from './json-schema.ts';
import { oneVersion, type Version } from './one-version.ts';
import { Operation } from './operation.ts';

const idOf = (controller: string, method: string) => `${controller.replace(/Controller$/, '').toLowerCase()}.${method}`;

/**
 * The OpenAPI 3.1 description of the gateway, made from the running application when it is first asked for: routes,
 * parameters and bodies are scanned by @nestjs/swagger; answers, refusals and scopes come from the decorators that
 * enforce or announce them.
 */
@Injectable()
export class OpenApi {
  private built: Promise<OpenAPIObject> | undefined;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly adapter: HttpAdapterHost,
    private readonly reflector: Reflector,
    private readonly config: GatewayConfig,
  ) {}

  /** What one version of the API is. */
  async version(version: Version): Promise<OpenAPIObject> {
    return oneVersion(await (this.built ??= this.build()), version);
  }

  private async build(): Promise<OpenAPIObject> {
    const { DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
    // As much of the application as the scanner reads: a provider cannot have the application itself injected.
    const application = {
      container: { getModules: () => this.modules, isGlobalModule: () => false },
      config: new ApplicationConfig(),
      getHttpAdapter: () => this.adapter.httpAdapter,
    } as unknown as INestApplication;
    const { origin, protocol } = new URL(this.config.ISSUER);
    const frame = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('Shop')
      .setDescription(
        'Products, orders and what becomes of them. Every failure is a problem (RFC 9457). Amounts are integers in minor units.',
      )
      .setVersion('2.0.0')
      .setLicense('MIT', 'https://opensource.org/license/mit')
      .addServer(origin, protocol === 'https:' ? 'The shop, in production' : 'The shop, on a local machine')
      .addSecurity('signIn', {
        type: 'openIdConnect',
        openIdConnectUrl: `${this.config.ISSUER}/.well-known/openid-configuration`,
      })
      .addSecurity('token', {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'An access token, checked as RFC8725 asks; `npm run -s login` prints one.',
      })
      .build();
    const document = SwaggerModule.createDocument(application, frame, {
      operationIdFactory: idOf,
      standardSchemaConverter: (schema, { schemaType }) => toJsonSchema(schema as z.ZodType, schemaType),
    });
    // For the public: what a service says to another is in no document.
    const servers = document.servers?.map((server) => ({ ...server, 'x-internal': false }));
    return complete({ ...document, ...(servers && { servers }) }, this.published());
  }

  private published(): Map<string, Published> {
    const controllers = [...this.modules.values()]
      .flatMap((module) => [...module.controllers.values()])
      .map(({ metatype }) => metatype as new () => object);
    return new Map(
      controllers.flatMap((type) =>
        new MetadataScanner().getAllMethodNames(type.prototype).flatMap((name) => this.publishedMethod(type, name)),
      ),
    );
  }

  private publishedMethod(type: new () => object, name: string): [string, Published][] {
    const method = (type.prototype as Record<string, () => unknown>)[name];
    const notes = method && this.reflector.get(Operation, method);
    if (!method || !notes) return [];
    const open = this.reflector.getAllAndOverride<boolean | undefined>(publicKey, [method, type]);
    const scopes = open
      ? undefined
      : (this.reflector.getAllAndOverride<string[] | undefined>(scopesKey, [method, type]) ?? []);
    const roles = this.reflector.getAllAndOverride<string[] | undefined>(rolesKey, [method, type]) ?? [];
    return [[idOf(type.name, name), { notes, scopes, roles: open ? [] : roles }]];
  }
}
