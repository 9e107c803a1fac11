import { assertWithinDeadline } from '../telemetry/deadline.ts';
import { isUnavailable, unavailable } from './pg-errors.ts';

interface Operation<Args, Result> {
  readonly args: Args;
  readonly query: (args: Args) => Promise<Result>;
}

/**
 * Makes a Prisma Client on `Database.pool` fail as `Database` does: `new PrismaClient({ adapter: new
 * PrismaPg(database.pool) }) .$extends(failsLikeDatabase)`. Prisma puts every error that has a code into one of its
 * own, so `unavailable` is taken out again here.
 */
export const failsLikeDatabase = {
  name: 'fails like Database',
  query: {
    async $allOperations<Args, Result>({ args, query }: Operation<Args, Result>): Promise<Result> {
      assertWithinDeadline();
      try {
        return await query(args);
      } catch (error) {
        throw isUnavailable(error) ? unavailable(error) : error;
      }
    },
  },
};
