export { FakeRedis, redisRefusals, type RedisAnswer } from './fake-redis.ts';
export { pagesRead } from './pages-read.ts';
export { freshDatabase, type DatabaseName, type FreshDatabase } from './fresh-database.ts';
export { describeWith, servers, type Needed, type TestServers } from './servers.ts';
