import { Module } from '@nestjs/common';
import { RedisModule } from '@shop/platform';
import { GatewayConfig } from '../gateway.config.ts';
import { UpstreamsModule } from '../upstreams.module.ts';
import { EdgeLimits } from './edge-limits.ts';
import { FullServices } from './full-services.ts';

/**
 * What turns requests away before any work is done for them. In this order their hooks run: who can only be refused
 * first.
 */
@Module({
  imports: [UpstreamsModule, RedisModule.forRoot(GatewayConfig)],
  providers: [FullServices, EdgeLimits],
  exports: [EdgeLimits],
})
export class LimitsModule {}
