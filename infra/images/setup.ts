/**
 * Makes, in a shop of containers, what operators make on a cluster: each service's database, its roles and tables, and
 * the topics. What is there and unchanged is left alone. Environment: POSTGRES_URL (as superuser), KAFKA_BROKERS,
 * SECRETS_SEED.
 */
import { z } from 'zod';
import { provision } from '../databases.ts';
import { secretsOf } from '../secrets.ts';
import { createTopics } from '../topics.ts';

const settings = z.object({
  POSTGRES_URL: z.url(),
  KAFKA_BROKERS: z.string().min(1),
  SECRETS_SEED: z.string().min(32),
});
const { POSTGRES_URL, KAFKA_BROKERS, SECRETS_SEED } = settings.parse(process.env);

const [databases] = await Promise.all([
  provision(POSTGRES_URL, { secret: secretsOf(SECRETS_SEED) }),
  createTopics(KAFKA_BROKERS),
]);
console.log(JSON.stringify({ msg: 'set up', databases: Object.keys(databases) }));
