import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { targetOf } from '@shop/platform';
import type { FastifyInstance } from 'fastify';

/** Since when version 1 should not be begun with, and from when on it may be gone: a year in between. */
export const deprecatedSince = new Date('2026-11-26T00:00:00Z');
export const goneFrom = new Date('2027-11-26T00:00:00Z');

const prefix = '/v1/';
const deprecation = `@${deprecatedSince.getTime() / 1_000}`;

/**
 * Tells every caller of version 1, whatever the answer, that its time is running out (`Deprecation`, RFC 9745;
 * `Sunset`, RFC 8594) and where the same is to be had (`Link` with rel="successor-version", RFC 5829).
 */
@Injectable()
export class VersionOne implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    this.host.httpAdapter.getInstance<FastifyInstance>().addHook('onSend', (request, reply, _payload, done) => {
      const { path } = targetOf(request);
      if (path.startsWith(prefix)) {
        const successor = `</v2/${path.slice(prefix.length)}>; rel="successor-version"`;
        void reply.headers({
          deprecation,
          sunset: goneFrom.toUTCString(),
          link: [reply.getHeader('link'), successor].filter(Boolean).join(', '),
        });
      }
      done();
    });
  }
}
