import { Module } from '@nestjs/common';
import { EventingModule } from '@shop/eventing';
import { DatabaseModule } from '@shop/platform';
import { NotificationsConfig } from './config.ts';
import { AccountMails } from './accounts/account-mails.ts';
import { AuthMailRequests, MailRequests } from './accounts/mail-requests.ts';
import { Addresses } from './delivery/addresses.ts';
import { AuthAddresses } from './delivery/auth-addresses.ts';
import { Delivery } from './delivery/delivery.ts';
import { Mailer } from './delivery/mailer.ts';
import { Sender } from './delivery/sender.ts';
import { SmtpMailer } from './delivery/smtp-mailer.ts';
import { MailConsumer } from './mail.consumer.ts';
import { Messages } from './messages.ts';
import { MessagesController } from './messages.controller.ts';

@Module({
  imports: [
    DatabaseModule.forRoot(NotificationsConfig),
    EventingModule.forRoot(NotificationsConfig, { consumers: [MailConsumer], produces: false }),
  ],
  controllers: [MessagesController],
  providers: [
    Messages,
    Delivery,
    Sender,
    MailConsumer,
    AccountMails,
    {
      provide: MailRequests,
      inject: [NotificationsConfig],
      useFactory: ({ AUTH_URLS, CLIENT_SECRET }: NotificationsConfig) =>
        new AuthMailRequests({ urls: AUTH_URLS, clientId: 'notifications', clientSecret: CLIENT_SECRET }),
    },
    {
      provide: Addresses,
      inject: [NotificationsConfig],
      useFactory: ({ AUTH_URLS, CLIENT_SECRET }: NotificationsConfig) =>
        new AuthAddresses({ urls: AUTH_URLS, clientId: 'notifications', clientSecret: CLIENT_SECRET }),
    },
    {
      provide: Mailer,
      inject: [NotificationsConfig],
      useFactory: ({ SMTP_URL, MAIL_FROM }: NotificationsConfig) =>
        new SmtpMailer({ url: SMTP_URL, from: MAIL_FROM, connections: 4 }),
    },
  ],
})
export class NotificationsModule {}
