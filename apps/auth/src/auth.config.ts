import { Config, databaseSettings } from '@shop/platform';
import { z } from 'zod';

const secret = z.string().min(16);

/** What auth is told by its environment. */
export class AuthConfig extends Config(
  z.object({
    ...databaseSettings,
    /** Signs the browser's cookies; a comma list, the first signs and all verify, so that keys can be changed one after another. */
    COOKIE_KEYS: z.string().transform((list) => list.split(',')).pipe(z.array(secret).min(1)),
    /** With it notifications asks for a token of its own (client credentials). */
    NOTIFICATIONS_CLIENT_SECRET: secret,
    /** With it an operator asks for a token; absent: nobody gets one for `operations`. */
    OPERATOR_CLIENT_SECRET: secret.optional(),
    /** Creates the demo customer of the README; never set where real people sign in. */
    SEED_DEMO: z.stringbool().default(false),
  }),
) {}
