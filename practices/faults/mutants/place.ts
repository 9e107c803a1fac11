/**
 * Finds a piece of code in a source file however a formatter has laid it out: between its words and signs may be any
 * white space or none, before a closing bracket a comma, and its quotes are single or double.
 */
export function placesOf(code: string, source: string): RegExpExecArray[] {
  const tokens = code.match(/[\w$]+|[^\s\w$]/g) ?? [];
  const pattern = tokens.map((token, index) => {
    const layout =
      index === 0 ? '' : /[\])}]/.test(token) && tokens[index - 1] !== ',' ? String.raw`\s*,?\s*` : String.raw`\s*`;
    return layout + (/['"]/.test(token) ? `['"]` : token.replace(/[^\w\s]/, String.raw`\$&`));
  });
  return [...source.matchAll(new RegExp(pattern.join(''), 'g'))];
}
