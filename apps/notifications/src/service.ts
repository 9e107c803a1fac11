import { defineService } from '@shop/platform';
import { NotificationsConfig } from './config.ts';
import { NotificationsModule } from './notifications.module.ts';

export { resend, undelivered, type UndeliveredMail, type Which } from './undelivered.ts';

export const notifications = defineService({
  name: 'notifications',
  config: NotificationsConfig,
  module: NotificationsModule,
});
