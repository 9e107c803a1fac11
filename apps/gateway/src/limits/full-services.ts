import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { targetOf, turnAway, type Upstream } from '@shop/platform';
import type { FastifyInstance } from 'fastify';
import { Notifications, Orders } from '../upstreams.ts';

/**
 * Turns requests away whose service has as much to do as it can, before any work is done for them: what can only be
 * refused must not take the time of what can be done. Products are not among them, because most answers about them are
 * kept here.
 */
@Injectable()
export class FullServices implements OnModuleInit {
  private readonly resources: ReadonlyMap<string, Upstream>;

  constructor(
    private readonly host: HttpAdapterHost,
    orders: Orders,
    notifications: Notifications,
  ) {
    this.resources = new Map<string, Upstream>([
      ['orders', orders],
      ['notifications', notifications],
    ]);
  }

  onModuleInit(): void {
    this.host.httpAdapter.getInstance<FastifyInstance>().addHook('onRequest', (request, reply, done) => {
      if (this.resources.get(resourceOf(targetOf(request).route))?.isFull) return turnAway(reply);
      done();
    });
  }
}

/** `orders` of `/v1/orders/:id`. */
const resourceOf = (route = ''): string => /^\/v\d\/([a-z]+)/.exec(route)?.[1] ?? '';
