import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Body,
  Controller,
  Get,
  Injectable,
  Module,
  Param,
  Post,
  Query,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { CurrentPrincipal, Public, RequireScope, type Principal } from '../auth/principal.ts';
import { Config } from '../config/config.ts';
import { IdempotencyKey, IfMatch } from '../http/request-headers.ts';
import { remainingBudget } from '../telemetry/deadline.ts';
import { currentTraceparent } from '../telemetry/tracing.ts';
import { defineService } from './define-service.ts';

/** The smallest service that shows what the platform does; only specs run it. */
class TinyConfig extends Config(z.object({ GREETING: z.string() })) {}

const thing = z.strictObject({ lines: z.array(z.object({ quantity: z.int().min(1) })).min(1) });
const pending: (() => void)[] = [];

/** Lets every request to `/things/slow` end. */
export const finishSlow = (): void => pending.splice(0).forEach((finish) => finish());

/** The greetings of the services whose shutdown hooks have run. */
export const stopped: string[] = [];

@Controller('things')
class ThingsController {
  constructor(private readonly config: TinyConfig) {}

  @Get()
  @Public()
  list(@Query({ schema: z.object({ limit: z.coerce.number().int().default(20) }) }) query: object): object {
    return { query, greeting: this.config.GREETING, budget: remainingBudget(), traceparent: currentTraceparent() };
  }

  @Post()
  @Public()
  add(
    @Body({ schema: thing }) body: object,
    @IdempotencyKey() key: string,
    @IfMatch() versions?: readonly number[],
  ): object {
    return { body, key, versions };
  }

  @Get('mine')
  @RequireScope('things:read')
  mine(@CurrentPrincipal() { subject, roles }: Principal): object {
    return { subject, roles: [...roles] };
  }

  @Get('bug')
  @Public()
  bug(): never {
    throw new Error('password=hunter2');
  }

  @Get('away')
  @Public()
  away(): never {
    throw Object.assign(new DomainError('unavailable', 'away', 'It does not answer.'), {
      cause: new Error('connect ECONNREFUSED'),
    });
  }

  @Get('rule')
  @Public()
  rule(): never {
    throw new DomainError('conflict', 'not-now', 'Not now.');
  }

  @Get('slow')
  @Public()
  async slow(
    @Query({ schema: z.object({ ms: z.coerce.number().optional() }) }) { ms }: { ms?: number },
  ): Promise<object> {
    await new Promise<void>((finish) => (ms === undefined ? pending.push(finish) : setTimeout(finish, ms)));
    return { done: true };
  }

  @Get('stray')
  @Public()
  stray(): object {
    void Promise.reject(new Error('a stray promise'));
    return {};
  }

  @Get(':id')
  @Public()
  one(@Param('id', { schema: z.uuid() }) id: string): object {
    return { id };
  }
}

@Injectable()
class Witness implements OnApplicationShutdown {
  constructor(private readonly config: TinyConfig) {}

  onApplicationShutdown(): void {
    stopped.push(this.config.GREETING);
  }
}

@Module({ controllers: [ThingsController], providers: [Witness] })
class TinyModule {}

export const tiny = defineService({ name: 'tiny', config: TinyConfig, module: TinyModule });
/** The same one, open to strangers. */
export const edge = defineService({ name: 'edge', config: TinyConfig, module: TinyModule, public: true });

const issuer = 'http://shop.test/oidc';

/** Who issues tokens for it: `env` makes it trust them, `token` signs one. */
export async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const published = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] });
  const server = createServer((_request, response) => response.end(published));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    env: (greeting: string) => ({
      ISSUER: issuer,
      JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      LOG_LEVEL: 'silent',
      SHED_LOOP_DELAY_MS: '0',
      GREETING: greeting,
      REQUEST_BUDGET_MS: '2000',
    }),
    token: (scope: string) =>
      new SignJWT({ scope, client_id: 'shop-cli', roles: ['customer'] })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
        .setSubject('customer-1')
        .setIssuer(issuer)
        .setAudience('shop')
        .setExpirationTime('5m')
        .sign(privateKey),
    close: () => server.close(),
  };
}
