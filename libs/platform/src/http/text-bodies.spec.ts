import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { addFormParser, encodingRefusal, hasHalfCharacter, isEncodedUtf8 } from './text-bodies.ts';

const server = Fastify();
addFormParser(server);
server.post('/', ({ body }) => ({ body }));
const form = (payload: string | Buffer) =>
  server.inject({
    method: 'POST',
    url: '/',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload,
  });

it.each([
  ['name=caf%C3%A9+x', { name: 'café x' }],
  ['name=100%&more=%2', { name: '100%', more: '%2' }],
  [Buffer.from('name=café'), { name: 'café' }],
])('reads the form %s', async (payload, body) => expect((await form(payload)).json()).toEqual({ body }));

it.each([['name=caf%E9'], ['name=%C3'], ['%ff=1'], [Buffer.from('name=café', 'latin1')]])(
  'reads no form %s',
  async (payload) => {
    expect((await form(payload)).json()).toMatchObject({ message: 'A form here is UTF-8.' });
  },
);

it.each([
  ['', true],
  ['a=%20&b=%e2%82%ac', true],
  ['a=%', true],
  ['a=%zz', true],
  ['a=%80', false],
  ['a=%ed%a0%80', false],
])('takes %j for UTF-8: %s', (text, yes) => expect(isEncodedUtf8(text)).toBe(yes));

it.each<[string | undefined, string | undefined, boolean]>([
  [undefined, undefined, true],
  ['text/x; charset=UTF-8', 'identity', true],
  ['text/x;charset="utf-8";a=b', '', true],
  ['text/x;a=b; CHARSET = latin1', undefined, false],
  ['text/x;charset=', undefined, false],
  ['text/x', 'br', false],
])('reads a body of type %s, encoded by %s: %s', (type, encoding, yes) =>
  expect(encodingRefusal(type, encoding) === undefined).toBe(yes),
);

it('finds half of a character wherever it is', () => {
  expect([{ a: [{ b: '\ud83d' }] }, { '\ude00': 1 }, '\ud83d'].map(hasHalfCharacter)).toEqual([true, true, true]);
  expect([{ a: ['😀', null, 1, true] }, '😀'].map(hasHalfCharacter)).toEqual([false, false]);
});
