import { isIP } from 'node:net';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type RegistrationResponseJSON,
} from '@simplewebauthn/server';

/** A passkey as it is kept. */
export interface Passkey {
  readonly id: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** What the authenticator counted last; 0 where it does not count. */
  readonly counter: number;
  readonly transports: readonly string[];
}

/** What the browser made, as text of a form: it may be anything. */
export type Answer = string;
type Transport = NonNullable<RegistrationResponseJSON['response']['transports']>[number];

/** Milliseconds that somebody has to touch the key. */
export const ceremonyMs = 5 * 60_000;

/**
 * What WebAuthn asks of a browser and how its answers are judged: the origin and the name passkeys belong to are the
 * issuer's, whoever uses one has to be verified by it (PIN, fingerprint), and an answer is to one challenge. Keeps
 * nothing. An answer that is wrong in any way is `undefined`, and says no more.
 */
export class Ceremony {
  readonly #origin: string;
  readonly #name: string;

  /** `issuer`: the address that browsers know. */
  constructor(issuer: string) {
    const { origin, hostname } = new URL(issuer);
    this.#origin = origin;
    this.#name = hostname;
  }

  /**
   * Whether browsers make passkeys for this issuer: for names they do, over TLS or at localhost, and for bare addresses
   * they do not.
   */
  get isPossible(): boolean {
    return isIP(this.#name.replace(/^\[|\]$/g, '')) === 0;
  }

  /**
   * What the browser is asked to make, which holds the challenge. `known`: those the account has, of which no second is
   * made.
   */
  registration({ account, email, known }: { account: string; email: string; known: readonly Passkey[] }) {
    return generateRegistrationOptions({
      rpName: 'Ablation Shop',
      rpID: this.#name,
      userID: new TextEncoder().encode(account),
      userName: email,
      attestationType: 'none',
      timeout: ceremonyMs,
      excludeCredentials: known.map(described),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    });
  }

  /** What the browser is asked to sign with one of these. */
  authentication(known: readonly Passkey[]) {
    return generateAuthenticationOptions({
      rpID: this.#name,
      userVerification: 'required',
      timeout: ceremonyMs,
      allowCredentials: known.map(described),
    });
  }

  /** The passkey that was made for this challenge. */
  async made(answer: Answer, challenge: string): Promise<Passkey | undefined> {
    const response = parsed(answer) as RegistrationResponseJSON | undefined;
    if (!response) return undefined;
    const { registrationInfo } = await verifyRegistrationResponse({ response, ...this.#expected(challenge) }).catch(
      () => ({ registrationInfo: undefined }),
    );
    if (!registrationInfo) return undefined;
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    return { id, publicKey, counter, transports };
  }

  /**
   * What the authenticator counts now, when it signed this challenge with the passkey. An authenticator that counts has
   * to count on: one that went back was copied.
   */
  async used(
    answer: Answer,
    challenge: string,
    { id, publicKey, counter, transports }: Passkey,
  ): Promise<number | undefined> {
    const response = parsed(answer) as AuthenticationResponseJSON | undefined;
    if (response?.id !== id) return undefined;
    const credential = { id, publicKey, counter, transports: transports as Transport[] };
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      credential,
      ...this.#expected(challenge),
    }).catch(() => ({ verified: false as const, authenticationInfo: undefined }));
    return verified ? authenticationInfo.newCounter : undefined;
  }

  #expected(expectedChallenge: string) {
    return { expectedChallenge, expectedOrigin: this.#origin, expectedRPID: this.#name, requireUserVerification: true };
  }
}

/** The passkey that an answer says it is of. */
export function passkeyIn(answer: Answer): string | undefined {
  const { id } = (parsed(answer) ?? {}) as { id?: unknown };
  return typeof id === 'string' ? id : undefined;
}

const described = ({ id, transports }: Passkey) => ({ id, transports: transports as Transport[] });

function parsed(answer: Answer): object | undefined {
  try {
    const value: unknown = JSON.parse(answer);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
