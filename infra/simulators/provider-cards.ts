import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/**
 * Card numbers as tokens: the number sealed with the provider's own key (AES-256-GCM), so that tokens outlive a restart
 * and no card number is kept anywhere. A real provider keeps a vault instead.
 */
export class Cards {
  private readonly key: Buffer;

  constructor(secret: string) {
    this.key = createHash('sha256').update(`card tokens ${secret}`).digest();
  }

  seal(cardNumber: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv);
    const sealed = Buffer.concat([cipher.update(Buffer.from(cardNumber.padStart(20))), cipher.final()]);
    return `tok_${Buffer.concat([iv, sealed, cipher.getAuthTag()]).toString('base64url')}`;
  }

  /** The card number, or undefined when this provider never made the token. */
  open(token: string): string | undefined {
    const bytes = Buffer.from(token.replace(/^tok_/, ''), 'base64url');
    if (bytes.length !== 48) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(32));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(12, 32)), decipher.final()])
        .toString()
        .trim();
    } catch {
      return undefined;
    }
  }
}
