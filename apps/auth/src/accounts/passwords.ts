import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { DomainError } from '@shop/kernel';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';

/**
 * argon2id (the library's default; its enum cannot be imported) at least as OWASP's password storage cheat sheet asks:
 * 19 MiB, two passes; 20–35 ms of a core.
 */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** How many may be at it at a time, and how many may wait for them: the last of these waits less than a second. */
const [atOnce, waiting] = [availableParallelism(), 32 * availableParallelism()];
/** How many sign-ins find room at a time. */
export const capacity = atOnce + waiting;

/** Seconds after which a caller who was sent away may well find room. */
export const retryAfterSeconds = 2;

/**
 * Hashes and checks passwords, as many at a time as there are cores and with a short queue: a storm of sign-ins slows
 * sign-ins down, never the token endpoint beside them. Who finds the queue full is sent away at once (`unavailable`).
 */
@Injectable()
export class Passwords {
  private readonly room = bulkhead(atOnce, waiting);
  private readonly attempts = bulkhead(capacity, 0);
  /** The hash of nothing: checking against it takes as long as checking a real one. */
  private readonly decoy = hash(crypto.randomUUID(), cost);

  /** The hash to keep, with its salt and cost. */
  hash(password: string): Promise<string> {
    return this.bounded(() => hash(normalised(password), cost));
  }

  /**
   * Whether the password belongs to the hash. Without a hash (nobody of that name) the answer is no and takes as long.
   */
  matches(passwordHash: string | undefined, password: string): Promise<boolean> {
    return this.bounded(async () => {
      const same = await verify(passwordHash ?? (await this.decoy), normalised(password));
      return same && passwordHash !== undefined;
    });
  }

  /**
   * Runs a whole attempt to sign in, if there is room for its password. Who finds none is sent away before the database
   * is asked anything: its connections are the token endpoint's, too.
   */
  attempt<T>(work: () => Promise<T>): Promise<T> {
    return this.bounded(work, this.attempts);
  }

  private async bounded<T>(work: () => Promise<T>, room = this.room): Promise<T> {
    try {
      return await room.execute(work);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new DomainError(
        'unavailable',
        'sign-in-busy',
        'Too many people are signing in at this moment. Try again in a few seconds.',
      );
    }
  }
}

/** The same characters typed on another keyboard are the same password (NIST SP 800-63B §5.1.1.2). */
const normalised = (password: string) => password.normalize('NFKC');
