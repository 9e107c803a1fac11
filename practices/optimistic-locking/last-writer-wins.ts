import { EventStore, VersionConflict, type Append } from '@shop/eventing';

/**
 * The event store without the question "is it still as you read it?": what was decided is appended behind whatever is
 * there by now, as an `UPDATE … WHERE id = …` would do it.
 */
export class LastWriterWins extends EventStore {
  override async append(append: Append): Promise<void> {
    for (;;) {
      const expectedVersion = (await this.load(append.stream)).length;
      try {
        return await super.append({ ...append, expectedVersion });
      } catch (error) {
        if (!(error instanceof VersionConflict)) throw error;
      }
    }
  }
}
