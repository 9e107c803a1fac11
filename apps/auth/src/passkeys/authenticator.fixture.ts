import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** As much of CBOR as an attestation needs: integers, texts, bytes and maps. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const pairs = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, pairs.length), ...pairs.flatMap(([key, item]) => [cbor(key), cbor(item)])]);
}
function head(kind: number, size: number): Buffer {
  if (size < 24) return Buffer.from([(kind << 5) | size]);
  return size < 256 ? Buffer.from([(kind << 5) | 24, size]) : Buffer.from([(kind << 5) | 25, size >> 8, size & 255]);
}

/** What a page may be made to ask, and an authenticator made to answer, that honest ones do not. */
export interface Lies {
  readonly origin?: string;
  readonly rpID?: string;
  readonly challenge?: string;
  /** Nobody proved to the authenticator who they are. */
  readonly unverified?: boolean;
  readonly counter?: number;
  readonly type?: string;
}

/** An authenticator in software: one P-256 key, which counts (WebAuthn Level 3, 6.1 and 6.5). */
export class SoftAuthenticator {
  readonly id = randomBytes(32).toString('base64url');
  counter = 0;
  private readonly privateKey: KeyObject;
  private readonly coseKey: Buffer;

  constructor(
    private readonly origin: string,
    private readonly rpID = new URL(origin).hostname,
  ) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.privateKey = privateKey;
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' }) as { x?: string; y?: string };
    this.coseKey = cbor(
      new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')],
      ]),
    );
  }

  /** The answer to what the page asks to be made. */
  make({ challenge }: { challenge: string }, lies: Lies = {}): string {
    const id = Buffer.from(this.id, 'base64url');
    const attested = Buffer.concat([
      Buffer.alloc(16),
      Buffer.from([id.length >> 8, id.length & 255]),
      id,
      this.coseKey,
    ]);
    const attestationObject = cbor(
      new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', Buffer.concat([this.data(lies, 0x40), attested])],
      ]),
    );
    return this.answer({
      clientDataJSON: this.clientData('webauthn.create', challenge, lies),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['internal'],
    });
  }

  /** The answer to what the page asks to be signed. */
  use({ challenge }: { challenge: string }, lies: Lies = {}): string {
    this.counter = lies.counter ?? this.counter + 1;
    const [data, clientData] = [this.data(lies, 0), this.clientData('webauthn.get', challenge, lies)];
    const signed = Buffer.concat([data, createHash('sha256').update(Buffer.from(clientData, 'base64url')).digest()]);
    return this.answer({
      clientDataJSON: clientData,
      authenticatorData: data.toString('base64url'),
      signature: sign('sha256', signed, this.privateKey).toString('base64url'),
    });
  }

  private data({ rpID = this.rpID, unverified = false }: Lies, flags: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    return Buffer.concat([
      createHash('sha256').update(rpID).digest(),
      Buffer.from([flags | (unverified ? 0x01 : 0x05)]),
      counter,
    ]);
  }

  private clientData(type: string, challenge: string, lies: Lies): string {
    return Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? this.origin,
        crossOrigin: false,
      }),
    ).toString('base64url');
  }

  private answer(response: object): string {
    return JSON.stringify({ id: this.id, rawId: this.id, type: 'public-key', clientExtensionResults: {}, response });
  }
}
