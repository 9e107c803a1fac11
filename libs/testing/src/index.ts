export { FakeRedis, redisRefusals, type RedisAnswer } from './fake-redis.ts';
export { freshDatabase, type DatabaseName, type FreshDatabase } from './fresh-database.ts';
export { describeWith, servers, type Needed, type TestServers } from './servers.ts';
