import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from 'node:crypto';

const [ivBytes, tagBytes] = [12, 16];

/** What a key is derived for (the `info` of HKDF): nothing that is sealed for one use opens for another. */
export type SealingUse = 'sealed cookies' | 'second factors';

/**
 * Text that only this service can read or have made, for somebody else to carry for a short time: AES-256-GCM under a
 * key derived from the first of `keys`. It opens under any of them, and for the same `purpose` only. What is kept for
 * long belongs into a SealedStore.
 */
export class Sealing {
  private readonly keys: readonly Buffer[];

  constructor(keys: readonly string[], use: SealingUse = 'sealed cookies') {
    this.keys = keys.map((key) => derived(key, use));
  }

  seal(text: string, purpose: string): string {
    return sealedBy(this.keys[0]!, text, purpose);
  }

  /** What was sealed; undefined for everything that was not, or for another purpose. */
  open(sealed: string, purpose: string): string | undefined {
    for (const key of this.keys) {
      const text = openedBy(key, sealed, purpose);
      if (text !== undefined) return text;
    }
    return undefined;
  }
}

/**
 * Text that is sealed and kept in a table, where keys change while it lies there. The id of its key stands before it,
 * `<key id>.<sealed text>`, so that rows under an older key are found without being opened (`newestId`) and are sealed
 * again before that key is dropped.
 */
export class SealedStore {
  private readonly keys: ReadonlyMap<string, Buffer>;
  /** The id of the key that seals. */
  readonly newestId: string;

  /** `keys`: the newest first. */
  constructor(keys: readonly string[], use: SealingUse) {
    this.keys = new Map(
      keys.map((key) => [hash('sha256', `${use}:key id:${key}`, 'base64url').slice(0, 8), derived(key, use)]),
    );
    this.newestId = [...this.keys.keys()][0]!;
  }

  seal(text: string, purpose: string): string {
    return `${this.newestId}.${sealedBy(this.keys.get(this.newestId)!, text, purpose)}`;
  }

  /**
   * What was sealed; undefined when its key is not among ours any more, and for everything that was not sealed here or
   * for another purpose.
   */
  open(sealed: string, purpose: string): string | undefined {
    const [id = '', text = ''] = sealed.split('.');
    const key = this.keys.get(id);
    return key && openedBy(key, text, purpose);
  }
}

const derived = (key: string, use: SealingUse) => Buffer.from(hkdfSync('sha256', key, '', use, 32));

function sealedBy(key: Buffer, text: string, purpose: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(purpose));
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function openedBy(key: Buffer, sealed: string, purpose: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < ivBytes + tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes }).setAAD(
    Buffer.from(purpose),
  );
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    return decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    // Sealed with another key.
    return undefined;
  }
}
