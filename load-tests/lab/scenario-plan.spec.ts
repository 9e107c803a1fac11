import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scenarios, wishOf } from './scenario-plan.ts';

describe('a wish for load', () => {
  it('has a script for each scenario', () => {
    const scripts = globSync('*.ts', { cwd: fileURLToPath(new URL('../scenarios', import.meta.url)) }).map((file) =>
      basename(file, '.ts'),
    );
    expect(scripts).toEqual(expect.arrayContaining(Object.keys(scenarios)));
  });

  it('is one try of what two cores carry, unless it says more', () => {
    expect(wishOf(['smoke'])).toMatchObject({ name: 'smoke', rounds: 1, rate: 8, target: undefined });
    expect(wishOf(['mixed', '--rounds', '5', '--rate', '200'])).toMatchObject({ rounds: 5, rate: 200 });
  });

  it.each([
    [['flood'], 'There is no scenario "flood": smoke, browse'],
    [['toString'], 'There is no scenario "toString"'],
    [['smoke', 'mixed'], 'One scenario at a time'],
    [['smoke', '--rounds', '0'], '--rounds is a whole number from 1 to 100, not "0".'],
    [['smoke', '--rate', 'much'], '--rate is a whole number'],
    [['smoke', '--target', 'example.com'], '--target is the http or https address of a gateway'],
    [['smoke', '--target', 'https://example.com'], 'example.com is not this machine'],
    [['smoke', '--target', 'http://127.0.0.1.example.com'], 'is not this machine'],
    [['smoke', '--target', 'http://0.0.0.0:3000'], '0.0.0.0 is not this machine'],
    [['smoke', '--target', 'http://10.0.0.1'], 'is not this machine'],
  ])('that cannot be is refused with a sentence: %s', (args, sentence) => expect(() => wishOf(args)).toThrow(sentence));

  it.each(['http://127.0.0.1:3000', 'http://localhost:3000', 'http://[::1]:3000', 'http://127.1:3000'])(
    'may be of this machine: %s',
    (target) => {
      expect(wishOf(['smoke', '--target', target])?.target).toBe(new URL(target).origin);
    },
  );

  it('may be of another one, where that is said', () => {
    expect(wishOf(['smoke', '--target', 'https://example.com/', '--not-loopback'])?.target).toBe('https://example.com');
  });
});
