import { AsyncLocalStorage } from 'node:async_hooks';
import { isLost, type Database, type Transaction } from '@shop/platform';
import { claim, type InboxRow } from './claims.ts';

/** As many effects share a transaction at most: so much is done again when one of them fails. */
const MOST = 32;
/**
 * So many transactions side by side, before effects begin to share them: fewer than a consumer may have connections.
 */
const LANES = 4;

interface Waiting {
  readonly inbox: InboxRow;
  readonly work: (tx: Transaction) => Promise<unknown>;
  /** Runs something as its caller, in its trace. */
  readonly asCaller: <T>(run: () => T) => T;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What one effect came to in a transaction that was committed. */
type Came = { readonly result: unknown } | { readonly refused: unknown };

/**
 * Effects of one consumer in shared transactions: what comes while a few are under way shares the next (group commit;
 * DeWitt et al., Implementation Techniques for Main Memory Database Systems, 1984). The more there is to do, the more
 * share one BEGIN, one statement for the inbox, one COMMIT and its wait for the disk; alone, an effect waits for
 * nobody.
 *
 * They are of different keys, so each sees what it would see alone. When one fails, all are rolled back and tried each
 * by itself: a failure stays its own.
 */
export class Together {
  readonly #database: Pick<Database, 'transaction'>;
  readonly #waiting: Waiting[] = [];
  #busy = 0;

  constructor(
    database: Pick<Database, 'transaction'>,
    private readonly lanes = LANES,
  ) {
    this.#database = database;
  }

  /**
   * Resolves with what `work` returned when that is committed. Throws what `work` threw, AlreadyHandled or KeyParked.
   * `work` may be run twice, and the first run be rolled back; it asks the database through its transaction only.
   */
  run<T>(inbox: InboxRow, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ inbox, work, asCaller: AsyncLocalStorage.snapshot(), resolve, reject });
      if (this.#busy < this.lanes) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy++;
    for (let next = this.#waiting.splice(0, MOST); isFilled(next); next = this.#waiting.splice(0, MOST))
      await this.#settle(next);
    this.#busy--;
  }

  /** Each hears what became of it. Answers what a single one failed with. */
  async #settle(group: readonly [Waiting, ...Waiting[]]): Promise<unknown> {
    try {
      const all = await group[0].asCaller(() => this.#database.transaction((tx) => have(tx, group)));
      for (const [n, came] of all.entries()) {
        if ('refused' in came) group[n]?.reject(came.refused);
        else group[n]?.resolve(came.result as never);
      }
    } catch (error) {
      if (group.length > 1) return this.#eachAlone(group);
      group[0].reject(error);
      return error;
    }
    return undefined;
  }

  /** Until there is no database to try it on: the rest need not wait in turn to be told that. */
  async #eachAlone(group: readonly Waiting[]): Promise<void> {
    let gone: unknown;
    for (const one of group) {
      if (gone !== undefined) {
        one.reject(gone);
        continue;
      }
      const failure = await this.#settle([one]);
      if (failure instanceof Error && isLost(failure.cause)) gone = failure;
    }
  }
}

const isFilled = (group: readonly Waiting[]): group is readonly [Waiting, ...Waiting[]] => group.length > 0;

async function have(tx: Transaction, group: readonly Waiting[]): Promise<Came[]> {
  const refusals = await claim(
    tx,
    group.map(({ inbox }) => inbox),
  );
  const all: Came[] = [];
  for (const [n, { work, asCaller }] of group.entries()) {
    const refused = refusals[n];
    all.push(refused ? { refused } : { result: await asCaller(() => work(tx)) });
  }
  return all;
}
