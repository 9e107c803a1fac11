/** Deeper than any input of ours, by far. */
export const deepestJson = 32;

const [quote, backslash, openArray, closeArray, openObject, closeObject] = [...'"\\[]{}'].map((character) =>
  character.charCodeAt(0),
);

/**
 * Whether a JSON text nests deeper than that: found out without building what it says, which a recursive reader might
 * not survive.
 */
export function isTooDeep(text: string, deepest = deepestJson): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === quote) at = endOfString(text, at);
    else if (character === openArray || character === openObject) {
      if (++depth > deepest) return true;
    } else if (character === closeArray || character === closeObject) depth--;
  }
  return false;
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}
