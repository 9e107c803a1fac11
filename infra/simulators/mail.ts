/**
 * The mail catcher: maildev's SMTP server, web page and REST API (`GET /api/email`). Nothing is ever sent on. It stands
 * for the world outside the product.
 *
 * Environment: SMTP_PORT, PORT (web page), HOST (127.0.0.1), MAIL_DIR (kept between starts), MAX_MAILS (the newest are
 * kept).
 */
import { setFlagsFromString } from 'node:v8';
import { z } from 'zod';
import { announce, endWithLauncher } from './lifeline.ts';

export const mailSettings = z.object({
  SMTP_PORT: z.coerce.number().int().min(0).max(65_535),
  PORT: z.coerce.number().int().min(0).max(65_535),
  HOST: z.string().default('127.0.0.1'),
  MAIL_DIR: z.string().min(1),
  MAX_MAILS: z.coerce.number().int().min(1).default(2_000),
});
export type MailSettings = z.infer<typeof mailSettings>;

/** Starts the mail catcher; `smtp` and `web` are where it listens. */
export async function startMailCatcher(
  settings: MailSettings,
): Promise<{ smtp: string; web: string; close(): Promise<void> }> {
  const { MailDev } = await import('maildev');
  const catcher = new MailDev({
    smtp: settings.SMTP_PORT,
    ip: settings.HOST,
    web: settings.PORT,
    webIp: settings.HOST,
    mailDirectory: settings.MAIL_DIR,
    maxEmails: settings.MAX_MAILS,
    maxMessageSize: 1_048_576,
    silent: true,
  });
  const { smtp, api } = await catcher.start();
  return {
    smtp: `smtp://${settings.HOST}:${smtp.getAddress().port}`,
    web: `http://${settings.HOST}:${api?.getPort()}`,
    close: () => catcher.stop(),
  };
}

if (import.meta.main) {
  // maildev brings a whole DOM with it to clean HTML mails; V8 then trades speed, of which nothing here needs much, for
  // memory.
  setFlagsFromString('--optimize-for-size');
  const catcher = await startMailCatcher(mailSettings.parse(process.env));
  endWithLauncher(() => catcher.close());
  announce({ smtp: catcher.smtp, web: catcher.web });
}
