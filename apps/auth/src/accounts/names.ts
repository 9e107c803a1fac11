/**
 * Letters of any script with their marks, hyphens, apostrophes, and the joiners that some scripts need; perhaps a dot
 * behind.
 */
const word = String.raw`[\p{L}\p{M}'’·‐\-\u200c\u200d]+\.?`;
const name = new RegExp(`^${word}(?: ${word}){0,5}$`, 'u');
const longest = 60;

/**
 * Whether a text may be what somebody is called. A name stands in mails of ours, so it has no room for an address, a
 * number to call or a sentence: up to six words of letters.
 */
export const isName = (text: string) => text.length <= longest && name.test(text);
