export { freshDatabase, type DatabaseName, type FreshDatabase } from './fresh-database.ts';
export { describeWith, servers, type TestServers } from './servers.ts';
