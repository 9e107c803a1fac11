import { expect, it } from 'vitest';
import { freePorts } from './ports.ts';
import { sentenceFor } from './program.ts';
import { Obstacle } from './state.ts';

it('has a sentence for what people can do something about', async () => {
  expect(sentenceFor(new Obstacle('No Java.'))).toBe('No Java.');
  const [port] = await freePorts([0]);
  const refused = await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(5_000) }).catch(
    (error: unknown) => error,
  );
  expect(sentenceFor(refused)).toBe(
    `Nothing listens at 127.0.0.1:${port}: that part of the shop is not up (yet), or has another port here.`,
  );
  expect(sentenceFor(new Error('It has no sign-in.', { cause: refused }))).toContain('Nothing listens');
});

it('has none for a bug', () => {
  expect(sentenceFor(new TypeError('x is not a function'))).toBeUndefined();
  expect(sentenceFor('thrown')).toBeUndefined();
});
