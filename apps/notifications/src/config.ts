import { busSettings, Config, databaseSettings, httpUrls } from '@shop/platform';
import { z } from 'zod';

export class NotificationsConfig extends Config(
  z.object({
    ...databaseSettings,
    ...busSettings,
    /** Instances of auth, which knows people's addresses. */
    AUTH_URLS: httpUrls,
    /** The secret of the client `notifications` at auth. */
    CLIENT_SECRET: z.string().min(16),
    SMTP_URL: z.url({ protocol: /^smtps?$/, error: 'must be an smtp or smtps URL' }),
    MAIL_FROM: z.string().default('Ablation Shop <no-reply@shop.example>'),
  }),
) {}
