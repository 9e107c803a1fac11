import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * A word that only a page of ours could have put into the form: made of the interaction's id with the cookie keys, so
 * that no instance has to remember it. The interaction's cookie alone (SameSite=Lax, signed) keeps other sites out;
 * this holds without it.
 */
export function formToken(interaction: string, keys: readonly string[]): string {
  return tokenBy(keys[0]!, interaction);
}

/** Whether the word belongs to this interaction, under any key that is still accepted. */
export function isFormToken(token: string, interaction: string, keys: readonly string[]): boolean {
  const given = Buffer.from(token);
  return keys.some((key) => {
    const expected = Buffer.from(tokenBy(key, interaction));
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const tokenBy = (key: string, interaction: string) =>
  createHmac('sha256', key).update(`form:${interaction}`).digest('base64url');
