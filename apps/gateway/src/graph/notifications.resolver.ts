import { Args, Int, Query, Resolver } from '@nestjs/graphql';
import { messagePage } from '@shop/contracts';
import { CurrentPrincipal, RequireScope, type Principal } from '@shop/platform';
import { Notifications } from '../upstreams.ts';
import { page } from './page.ts';
import { NotificationPage } from './schema/message.ts';

@Resolver()
export class NotificationsResolver {
  constructor(private readonly upstream: Notifications) {}

  @Query(() => NotificationPage, {
    nullable: true,
    description: 'Messages sent to you about your orders, newest first.',
  })
  @RequireScope('orders:read')
  async notifications(
    @CurrentPrincipal() { token }: Principal,
    @Args('limit', { type: () => Int, defaultValue: 20, description: 'From 1 to 100.' }) limit: number,
    @Args('after', { type: () => String, nullable: true }) after?: string,
  ): Promise<NotificationPage> {
    const query = page(limit, after);
    return (await this.upstream.request({ method: 'GET', path: '/messages', query, token, schema: messagePage })).body;
  }
}
