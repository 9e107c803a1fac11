export { freshDatabase, type DatabaseName, type FreshDatabase } from './fresh-database.ts';
export { describeWith, servers, type Needed, type TestServers } from './servers.ts';
