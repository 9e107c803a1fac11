import { Module } from '@nestjs/common';
import { upstreams } from './upstreams.ts';

/** The services behind the door, for every part of the gateway. */
@Module({ providers: upstreams, exports: upstreams })
export class UpstreamsModule {}
