import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { mayBacktrack, patternsIn, shippedPatterns } from './regular-expressions.ts';

/**
 * Patterns that the library calls unsafe and that stay, each with what keeps it from harm. Most are quadratic at worst,
 * which is no harm where whoever writes the text is ourselves. What strangers write gets a pattern that is linear.
 */
const accepted: Record<string, string> = {
  '/\\/+$/': 'a setting of our own',
  '/\\.v\\d+$/': 'the type of a message on our own bus, whose schema it has passed',
  '/^(.+)\\.dead-letters:\\d+:[\\w-]+$/': 'an argument of an operator, with a scope that no customer has',
  '/^[a-z]+(\\.[a-z0-9-]+)+\\.v\\d+$/': 'quadratic at worst, on messages of our own bus',
  '/"(?:[^"\\\\]|\\\\.)*"|[{}[\\]:,]/g':
    'only sees text that JSON.parse took, in which every quote that opens is closed',
  '/"(#\\/components\\/schemas\\/)?([A-Z]\\w*)V2"/g': 'our own OpenAPI document',
  '/("operationId":"\\w+)v2\\./g': 'our own OpenAPI document',
  '/"#\\/components\\/schemas\\/([^"]+)"/g': 'our own OpenAPI document',
  '/"id":"([^"]+)"[^{}]*"time":"([^"]+)"[^{}]*"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-01)"/':
    'the head of an envelope that this process has just written',
  '/^(postgres(?:ql)?:\\/\\/(?:[^@/?#]*@)?)([^@/?#]+)(\\/[^?#]*)?(?:\\?([^#]*))?$/': 'a setting of our own',
  '/^[a-z][a-z+.-]*:\\/\\/[^/@]*?:([^/@]*)@/i': 'a setting of our own',
  '/^(?:[0-9a-f]*|[0-9A-F]*)$/': 'a setting of our own',
  '/\\{([^}]+)\\}/': 'a key of our own, in tests',
  '/[^\\p{L}]+$/u': 'quadratic at worst, on a password of 128 characters at most',
  '/[\\s,]*(W\\/)?"([^"]*)"\\s*(?=,|$)/y': 'sticky: tried at one place only, where it is linear',
};

describe('a regular expression that is shipped', () => {
  const all = shippedPatterns();
  const suspects = [
    ...new Map(all.filter(({ pattern }) => mayBacktrack(pattern)).map((each) => [String(each.pattern), each])).values(),
  ];

  it('cannot be made to backtrack by what a stranger sends', () => {
    expect(all.length).toBeGreaterThan(30);
    expect(
      suspects
        .filter(({ pattern }) => !(String(pattern) in accepted))
        .map(({ file, pattern }) => `${file}: ${String(pattern)}`),
    ).toEqual([]);
  });

  it('is not accepted for longer than it is there', () => {
    expect(Object.keys(accepted).filter((known) => !suspects.some(({ pattern }) => String(pattern) === known))).toEqual(
      [],
    );
  });
});

describe('what zod itself matches texts of strangers with', () => {
  const formats = { email: z.email(), uuid: z.uuid(), instant: z.iso.datetime() };
  const long = (part: string, before = '') => before + part.repeat(65_536 / part.length) + '!';
  const texts = ['a', '.', 'a.', '-', 'a-', '1', '0-', '@', "'"].flatMap((part) => [
    long(part),
    long(part, 'a@'),
    long(part, 'a@a'),
    long(part, '2026-01-01T00:00:00.'),
  ]);

  it.each(Object.entries(formats))(
    '%s is through with the longest body there can be in no time; a pattern that backtracks would take a minute',
    (_name, schema) => {
      for (const text of texts) {
        const since = performance.now();
        expect(schema.safeParse(text).success).toBe(false);
        expect(performance.now() - since).toBeLessThan(2_000);
      }
    },
  );
});

describe('this check', () => {
  it.each(['/^(a+)+$/', '/^(\\w+\\s?)*$/', '/\\s*,\\s*/'])('calls %s unsafe', (literal) => {
    const [found] = patternsIn('seeded.ts', `export const seeded = ${literal};`);
    expect(found && mayBacktrack(found.pattern)).toBe(true);
  });

  it.each(['/^tok_[A-Za-z0-9_-]{4,64}$/', '/^[A-Z]{3}$/'])('calls %s safe', (literal) => {
    const [found] = patternsIn('seeded.ts', `export const seeded = ${literal};`);
    expect(found && mayBacktrack(found.pattern)).toBe(false);
  });
});
