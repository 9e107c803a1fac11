const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/**
 * Whether an object in this JSON text, which must be valid, has a member twice: JSON.parse would silently take the
 * last.
 */
export function saysTwice(json: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let text = '';
  for (const [token] of json.matchAll(tokens)) {
    const names = open.at(-1);
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':' && names) {
      const name = JSON.parse(text) as string;
      if (names.has(name)) return true;
      names.add(name);
    } else if (token.startsWith('"')) text = token;
  }
  return false;
}
