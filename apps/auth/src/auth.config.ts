import { Config, databaseSettings } from '@shop/platform';
import { z } from 'zod';

const secret = z.string().min(16);

/** What auth is told by its environment. */
export class AuthConfig extends Config(
  z.object({
    ...databaseSettings,
    /**
     * Signs the browser's cookies; a comma list, the first signs and all verify, so that keys can be changed one after
     * another.
     */
    COOKIE_KEYS: z
      .string()
      .transform((list) => list.split(','))
      .pipe(z.array(secret).min(1)),
    /**
     * Seal the secrets of authenticator apps; a comma list, the newest first. The newest seals, all open; what an older
     * one sealed is sealed again within a minute of the start, and then the older one can go. Never the keys of
     * cookies: those are dropped minutes after they are replaced.
     */
    FACTOR_KEYS: z
      .string()
      .transform((list) => list.split(','))
      .pipe(z.array(secret).min(1)),
    /** With it notifications asks for a token of its own (client credentials). */
    NOTIFICATIONS_CLIENT_SECRET: secret,
    /** With it an operator asks for a token; absent: nobody gets one for `operations`. */
    OPERATOR_CLIENT_SECRET: secret.optional(),
    /**
     * How long a key is published before it signs: longer than whoever checks tokens keeps the published keys (ten
     * minutes, here).
     */
    SIGNING_KEY_LEAD_SECONDS: z.coerce.number().min(0).max(86_400).default(900),
    /** How long a key signs before the next one is made. */
    SIGNING_KEY_DAYS: z.coerce.number().min(1).max(366).default(30),
    /**
     * Creates the demo accounts of the README, and a program of somebody else's; never set where real people sign in.
     */
    SEED_DEMO: z.stringbool().default(false),
    /**
     * The key of the demo admin's authenticator app, 160 bits in base32. Without it the demo admin has no second
     * factor, and acts as a customer.
     */
    DEMO_ADMIN_TOTP_SECRET: z
      .string()
      .regex(/^[A-Z2-7]{32}$/)
      .optional(),
  }),
) {}
