import { hash } from 'node:crypto';
import { DomainError } from '@shop/kernel';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import { saysTwice } from './json-members.ts';
import type { Principal } from './principal.ts';

/** The name of the shop's API in the `aud` of people's tokens. */
export const audience = 'shop';

const cacheSize = 10_000;
const algorithms = ['ES256', 'RS256'];
/** A token is a few hundred bytes; who sends more wants us to work. */
const longestToken = 4_096;

export interface VerifierOptions {
  /** Whom a token may be meant for: the shop's API; a service takes what is meant for it alone, too. */
  readonly audiences?: readonly string[];
  /** Seconds by which clocks may differ: a token is good that much longer, and earlier. */
  readonly leeway?: number;
  /** Milliseconds before the keys are fetched again for an unknown key id. */
  readonly cooldown?: number;
}

/** The token proves nothing: forged, expired, or meant for somebody else. Says no more than that to the caller. */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken';
}

interface Verified {
  readonly principal: Principal;
  /**
   * In ms of the monotonic clock, as the wall clock had it when the token was verified: one that is set back later
   * makes no token live longer.
   */
  readonly until: number;
}

/**
 * Verifies access tokens (JWT profile of RFC 9068) with the issuer's published keys. A signature costs 100–200 µs, so
 * what was verified is remembered until it expires: by hash, because a cache of live tokens would be worth stealing.
 */
export class TokenVerifier {
  readonly #known = new Map<string, Verified>();
  readonly #keys: JWTVerifyGetKey;
  readonly #audiences: string[];
  readonly #leeway: number;

  constructor(
    private readonly issuer: string,
    /** Where the keys are: one address, or one for each instance of who publishes them. */
    keysUrls: string | readonly string[],
    { audiences = [audience], leeway = 30, cooldown = 5_000 }: VerifierOptions = {},
  ) {
    this.#keys = remoteKeys([keysUrls].flat(), cooldown);
    this.#audiences = [...audiences];
    this.#leeway = leeway;
  }

  /** Whose a token is, where that has been verified already: cheap, and no promise. */
  known(token: string): Principal | undefined {
    const known = this.#known.get(hash('sha256', token, 'base64'));
    return known && known.until > performance.now() ? known.principal : undefined;
  }

  /** Throws InvalidToken, or `unavailable` when the keys cannot be had: that is no fault of the token. */
  async verify(token: string): Promise<Principal> {
    const key = hash('sha256', token, 'base64');
    const known = this.#known.get(key);
    if (known && known.until > performance.now()) return known.principal;
    this.#known.delete(key);
    const payload = await this.#check(token);
    const principal = principalOf(payload, token);
    const left = ((payload.exp ?? 0) + this.#leeway) * 1000 - Date.now();
    this.#remember(key, { principal, until: performance.now() + left });
    return principal;
  }

  async #check(token: string): Promise<JWTPayload> {
    if (token.length > longestToken) throw new InvalidToken('The access token is not valid.');
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer: this.issuer,
        audience: this.#audiences,
        algorithms,
        typ: 'at+jwt',
        clockTolerance: this.#leeway,
        requiredClaims: ['exp', 'sub', 'client_id'],
      });
      // RFC 7519 §4: parsers that disagree about which of two claims counts can be played off against each other.
      if (token.split('.', 2).some((part) => saysTwice(Buffer.from(part, 'base64url').toString())))
        throw new errors.JWTInvalid('a member is there twice');
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new InvalidToken('The access token is not valid.', { cause: error });
      throw error;
    }
  }

  /** The oldest goes first; a Map keeps the order of insertion. */
  #remember(key: string, verified: Verified): void {
    const oldest = this.#known.size >= cacheSize ? this.#known.keys().next() : undefined;
    if (oldest && !oldest.done) this.#known.delete(oldest.value);
    this.#known.set(key, verified);
  }
}

const words = (claim: unknown): Set<string> =>
  new Set(Array.isArray(claim) ? claim.filter((word) => typeof word === 'string') : []);

function principalOf(
  { sub = '', client_id: clientId, scope, roles, withheld_roles: withheld }: JWTPayload,
  token: string,
): Principal {
  return {
    subject: sub,
    clientId: String(clientId),
    scopes: new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []),
    roles: words(roles),
    ...(withheld !== undefined && { withheld: words(withheld) }),
    token,
  };
}

/**
 * How long a failed fetch of the keys is believed, in ms: requests meanwhile fail at once instead of each trying again.
 */
const failureMemory = 1_000;

function remoteKeys(urls: readonly string[], cooldownDuration: number): JWTVerifyGetKey {
  // A token with a made-up key id makes us fetch again, at most once per cooldown.
  const keys = createRemoteJWKSet(new URL(urls[0] ?? ''), {
    timeoutDuration: 2_000,
    cooldownDuration,
    cacheMaxAge: 600_000,
    [customFetch]: fromAny(urls),
  });
  let failedAt = -Infinity;
  return async (header, input) => {
    // Keys that are there are used: a made-up key id must not turn the tokens of others away while the keys cannot be
    // fetched.
    if (!keys.fresh && performance.now() - failedAt < failureMemory) throw keysUnavailable();
    try {
      return await keys(header, input);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      failedAt = performance.now();
      throw Object.assign(keysUnavailable(), { cause: error });
    }
  };
}

function keysUnavailable(): DomainError {
  return new DomainError(
    'unavailable',
    'keys-unavailable',
    'Access tokens cannot be checked at the moment. Try again.',
  );
}

/** From whichever instance has them; the one that had them last is asked first. */
function fromAny(urls: readonly string[]): FetchImplementation {
  let first = 0;
  return async (_, options) => {
    let failure: unknown;
    for (let turn = 0; turn < urls.length; turn++) {
      const index = (first + turn) % urls.length;
      try {
        const response = await fetch(urls[index] ?? '', options);
        if (response.status === 200) return ((first = index), response);
        failure = new Error(`The keys cannot be had: ${response.status}`);
        await response.body?.cancel();
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
}
