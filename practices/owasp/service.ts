import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { Config, defineService, Public, runService } from '@shop/platform';
import { z } from 'zod';
import { serve, takePart } from '../lab/part.ts';

export interface Wish {
  readonly connections: number;
}

const { variant } = takePart();

@Public()
@Controller()
class HelloController {
  @Get()
  hello(): object {
    return {};
  }
}

@Module({ controllers: [HelloController] })
class HelloModule {}

const ways: Record<string, (wish: Wish) => Promise<string>> = {
  /**
   * Node's own server, as it comes; but for the cap, without which an attacker takes all file descriptors and the
   * process ends.
   */
  'Node’s defaults': async ({ connections }) => {
    const server = createServer((_request, response) => response.end('{}'));
    server.maxConnections = connections;
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  },
  bounds: async ({ connections }) => {
    const definition = defineService({
      name: 'hello',
      config: class extends Config(z.object({})) {},
      module: HelloModule,
    });
    const env = {
      ISSUER: 'http://nobody',
      JWKS_URL: 'http://nobody',
      LOG_LEVEL: 'silent',
      SHED_LOOP_DELAY_MS: '0',
      MAX_CONNECTIONS: String(connections),
    };
    return `${(await runService(definition, env)).url}/`;
  },
};

serve<Wish>(
  (wish) => ways[variant]?.(wish) ?? Promise.reject(new Error(variant)),
  () => Promise.resolve(),
);
