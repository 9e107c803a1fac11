import { Module, type OnModuleInit, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Config, defineService, runService, type Database } from '@shop/platform';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { answerTo, takePart } from '../lab/part.ts';
import { deepMerge, denyList, schema, spread } from './registrations.ts';

/** A service at which people register, with the product's server around it. */
const { variant, database } = takePart();
const ways: Record<string, (database: Database) => Type> = {
  spread,
  'deny list': denyList,
  'deep merge': deepMerge,
  schema,
};
const way = ways[variant];
if (!way) throw new Error(`no such variant: ${variant}`);

class SignUpConfig extends Config(z.object({})) {}

@Module({ controllers: [way(database)] })
class SignUpModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  /**
   * Who merges deep also parses bodies by hand, for the sake of some signature over the raw text; the server's own
   * parser is not asked.
   */
  onModuleInit(): void {
    if (variant !== 'deep merge') return;
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.removeContentTypeParser('application/json');
    fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
      done(null, JSON.parse(body as string)),
    );
  }
}

const signUp = defineService({ name: 'sign-up', config: SignUpConfig, module: SignUpModule, public: true });
const service = await runService(signUp, {
  ...process.env,
  ISSUER: 'http://nobody',
  JWKS_URL: 'http://nobody',
  LOG_LEVEL: 'silent',
  SHED_LOOP_DELAY_MS: '0',
});
process.once('SIGTERM', () => void service.close().finally(() => process.exit(0)));
process.once('disconnect', () => process.exit(1));
answerTo(() => Promise.resolve(service.url));
