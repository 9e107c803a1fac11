import { describe, expect, it } from 'vitest';
import { SoftAuthenticator, type Lies } from './authenticator.fixture.ts';
import { Ceremony, passkeyIn, type Passkey } from './ceremony.ts';

const shop = new Ceremony('https://shop.example/oidc');
const key = () => new SoftAuthenticator('https://shop.example');

async function made(device = key(), lies?: Lies): Promise<Passkey | undefined> {
  const options = await shop.registration({ account: crypto.randomUUID(), email: 'ida@example.com', known: [] });
  return shop.made(device.make(options, lies), options.challenge);
}
async function withPasskey() {
  const device = key();
  return { device, passkey: (await made(device))! };
}
const lies: [string, Lies][] = [
  ['at another origin', { origin: 'https://shop.example.evil.test' }],
  ['at the same name without TLS', { origin: 'http://shop.example' }],
  ['for another name', { rpID: 'evil.test' }],
  ['for another challenge', { challenge: Buffer.from('another').toString('base64url') }],
  ['by somebody whom the authenticator did not verify', { unverified: true }],
];

describe('a passkey', () => {
  it('is asked for with user verification, without attestation, and not twice of one authenticator', async () => {
    const { passkey } = await withPasskey();
    const options = await shop.registration({ account: 'a', email: 'ida@example.com', known: [passkey] });
    expect(options).toMatchObject({
      rp: { id: 'shop.example' },
      attestation: 'none',
      authenticatorSelection: { userVerification: 'required' },
      excludeCredentials: [{ id: passkey.id }],
    });
    expect(await shop.authentication([passkey])).toMatchObject({
      rpId: 'shop.example',
      userVerification: 'required',
      allowCredentials: [{ id: passkey.id }],
    });
  });

  it('is made and used, and counts', async () => {
    const { device, passkey } = await withPasskey();
    expect(passkey).toEqual({ id: device.id, publicKey: expect.any(Uint8Array), counter: 0, transports: ['internal'] });
    const options = await shop.authentication([passkey]);
    const answer = device.use(options);
    expect([await shop.used(answer, options.challenge, passkey), passkeyIn(answer)]).toEqual([1, device.id]);
  });

  it.each([...lies, ['as the answer to another question', { type: 'webauthn.get' }] as [string, Lies]])(
    'is not made %s',
    async (_what, lie) => expect(await made(key(), lie)).toBeUndefined(),
  );

  it.each([...lies, ['as the answer to another question', { type: 'webauthn.create' }] as [string, Lies]])(
    'is not used %s',
    async (_what, lie) => {
      const { device, passkey } = await withPasskey();
      const options = await shop.authentication([passkey]);
      expect(await shop.used(device.use(options, lie), options.challenge, passkey)).toBeUndefined();
    },
  );

  it.each([
    ['back', 6],
    ['not on', 7],
  ])('whose counter goes %s is a copy, and is not used', async (_what, counter) => {
    const { device, passkey } = await withPasskey();
    const options = await shop.authentication([passkey]);
    expect(
      await shop.used(device.use(options, { counter }), options.challenge, { ...passkey, counter: 7 }),
    ).toBeUndefined();
  });

  it('of an authenticator that never counts is used again', async () => {
    const { device, passkey } = await withPasskey();
    const options = await shop.authentication([passkey]);
    expect(await shop.used(device.use(options, { counter: 0 }), options.challenge, passkey)).toBe(0);
  });

  it('is not replaced by another key, whatever it says it is', async () => {
    const { passkey } = await withPasskey();
    const [thief, options] = [key(), await shop.authentication([passkey])];
    expect(await shop.used(thief.use(options), options.challenge, passkey)).toBeUndefined();
    const lying = JSON.stringify({ ...(JSON.parse(thief.use(options)) as object), id: passkey.id, rawId: passkey.id });
    expect(await shop.used(lying, options.challenge, passkey)).toBeUndefined();
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"id":1}',
    '{"id":"x","rawId":"x","type":"public-key","response":{}}',
    '{"response":null}',
  ])('is not %j', async (answer) => {
    const { passkey } = await withPasskey();
    expect([await shop.made(answer, 'c'), await shop.used(answer, 'c', { ...passkey, id: 'x' })]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it.each([
    ['https://shop.example/oidc', true],
    ['http://localhost:3000/oidc', true],
    ['http://127.0.0.1:3000/oidc', false],
    ['http://[::1]:3000/oidc', false],
  ])('at %s can be made by a browser: %s', (issuer, possible) =>
    expect(new Ceremony(issuer).isPossible).toBe(possible),
  );
});
