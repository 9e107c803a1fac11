/**
 * Bits of a secret below which it can be guessed offline by who wants to: NIST SP 800-131A counted keys as strong from
 * here on until 2013.
 */
const leastBits = 80;

const secretName = /_(?:KEYS?|SECRET|PASSWORD|TOKEN)$/;
const passwordInUrl = /^[a-z][a-z+.-]*:\/\/[^/@]*?:([^/@]*)@/i;

/**
 * Why an environment is for trying out and not for real people; each line names a key, and no value. What is merely
 * convenient (demo accounts whose password is in the README, tokens over plain HTTP, a secret that somebody thought of,
 * or that two settings share) is refused, not warned of: nobody reads a warning.
 */
export function unfitForProduction(given: Readonly<Record<string, unknown>>): string[] {
  const faults: string[] = [];
  if (given['SEED_DEMO'] !== undefined && !/^(?:0|false|off|no|n|disabled)$/i.test(String(given['SEED_DEMO'])))
    faults.push('SEED_DEMO: no demo data where NODE_ENV is production');
  if (String(given['ISSUER']).startsWith('http:')) faults.push('ISSUER: must be https where NODE_ENV is production');
  for (const [key, value] of Object.entries(given)) {
    if (secretsIn(key, String(value)).some((secret) => guessingBits(secret) < leastBits))
      faults.push(`${key}: too easy to guess for production; "openssl rand -base64 32" makes one`);
  }
  return [...faults, ...sharedSecrets(given)];
}

/** A secret that stands in two settings: whoever drops it, or loses it, in one of them does so in both. */
function sharedSecrets(given: Readonly<Record<string, unknown>>): string[] {
  const settings = Object.entries(given)
    .filter(([key]) => secretName.test(key))
    .map(([key, value]) => [key, secretsIn(key, String(value))] as const);
  return settings.flatMap(([key, secrets], index) =>
    settings
      .slice(0, index)
      .filter(([, others]) => others.some((other) => secrets.includes(other)))
      .map(([other]) => `${key}: has a secret that ${other} has, too; each needs its own`),
  );
}

function secretsIn(key: string, value: string): string[] {
  if (secretName.test(key)) return value.split(',');
  const inUrl = passwordInUrl.exec(value)?.[1];
  return inUrl === undefined ? [] : [inUrl];
}

/**
 * How many bits it takes to guess a secret, estimated from below: what looks like words counts as English text does,
 * 1.5 bits a letter with whatever is between them, what was there before as one choice, a character that follows from
 * the last one as one bit, and any other as one of its alphabet.
 */
export function guessingBits(secret: string): number {
  const perCharacter = Math.log2(alphabetOf(secret));
  let bits = 0;
  for (let at = 0; at < secret.length; ) {
    const word = wordAt(secret, at);
    const again = repeatedFrom(secret, at);
    if (again > 0) [bits, at] = [bits + 2 * perCharacter, at + again];
    else if (word !== undefined) [bits, at] = [bits + 1.5 * word.length, at + word.length];
    else [bits, at] = [bits + (followsLast(secret, at) ? 1 : perCharacter), at + 1];
  }
  return bits;
}

function alphabetOf(secret: string): number {
  if (/^(?:[0-9a-f]*|[0-9A-F]*)$/.test(secret)) return 16;
  const kinds: readonly [RegExp, number][] = [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[0-9]/, 10],
    [/[^A-Za-z0-9]/, 8],
  ];
  return kinds.reduce((sum, [kind, size]) => sum + (kind.test(secret) ? size : 0), 0) || 1;
}

/** How many characters from `at` on were there before, if four or more. */
function repeatedFrom(secret: string, at: number): number {
  let length = 4;
  if (at + length > secret.length || !secret.slice(0, at).includes(secret.slice(at, at + length))) return 0;
  while (at + length < secret.length && secret.slice(0, at).includes(secret.slice(at, at + length + 1))) length += 1;
  return length;
}

/**
 * Letters that could be said aloud, and what is between them and the next: with a vowel, and never four consonants in a
 * row.
 */
function wordAt(secret: string, at: number): string | undefined {
  const [run, letters = ''] = /^([A-Z]?[a-z]{3,}|[A-Z]{4,})[^A-Za-z0-9]*/.exec(secret.slice(at)) ?? [];
  return /[aeiouy]/i.test(letters) && !/[^aeiouy]{4}/i.test(letters) ? run : undefined;
}

const keyboard = 'qwertyuiop asdfghjkl zxcvbnm';

/** The same character, or its neighbour, as in 1111, 4321 and asdf. */
function followsLast(secret: string, at: number): boolean {
  const pair = secret.slice(at - 1, at + 1).toLowerCase();
  return at > 0 && (Math.abs(pair.charCodeAt(0) - pair.charCodeAt(1)) <= 1 || keyboard.includes(pair));
}
