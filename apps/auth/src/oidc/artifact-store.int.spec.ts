import { createHash, randomUUIDv7 } from 'node:crypto';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { ArtifactStore, purgeEndedSessions, purgeExpired } from './artifact-store.ts';
import { endSession, endSignIns } from './end-sign-ins.ts';
import { keyStates, rotate, signingKeys } from './signing-keys.ts';

const { url } = await freshDatabase('auth');
const database = new Database(url, { size: 10, application: 'spec' });
const codes = new ArtifactStore('AuthorizationCode', database);
const interactions = new ArtifactStore('Interaction', database);
const sessions = new ArtifactStore('Session', database);

afterAll(() => database.close());

const rows = () => database.query<{ id: string; payload: object }>('SELECT id, payload FROM oidc_artifacts');

async function anAccount(): Promise<string> {
  const id = randomUUIDv7();
  await database.query(`INSERT INTO accounts (id, email, name, password_hash) VALUES ($1, $2, 'Ida', '')`, [
    id,
    `${id}@example.com`,
  ]);
  return id;
}

describe('what oidc-provider keeps', () => {
  it('is found as it was kept, by its id and by its uid', async () => {
    const [one, other] = [await anAccount(), await anAccount()];
    await sessions.upsert('s1', { jti: 's1', uid: 'u1', accountId: one }, 60);
    expect(await sessions.find('s1')).toEqual({ jti: 's1', uid: 'u1', accountId: one });
    expect(await sessions.findByUid('u1')).toEqual({ jti: 's1', uid: 'u1', accountId: one });
    expect(await codes.find('s1')).toBeUndefined();
    await sessions.upsert('s1', { jti: 's1', uid: 'u1', accountId: other }, 60);
    expect(await sessions.find('s1')).toMatchObject({ accountId: other });
    await sessions.destroy('s1');
    expect(await sessions.find('s1')).toBeUndefined();
  });

  it('is not found any more once its account has other credentials, however it is written meanwhile', async () => {
    const account = await anAccount();
    await sessions.upsert('s2', { jti: 's2', uid: 'u2', accountId: account }, 60);
    await interactions.upsert('i2', { result: { login: { accountId: account, credentialsVersion: 1 } } }, 60);
    await database.transaction((tx) => endSignIns(tx, account));
    await interactions.upsert('i3', { result: { login: { accountId: account, credentialsVersion: 1 } } }, 60);
    await interactions.upsert('i4', { result: { login: { accountId: account, credentialsVersion: 2 } } }, 60);
    expect([
      await sessions.find('s2'),
      await sessions.findByUid('u2'),
      await interactions.find('i2'),
      await interactions.find('i3'),
    ]).toEqual(Array(4).fill(undefined));
    expect(await interactions.find('i4')).toBeDefined();
  });

  it('holds no code that could be used', async () => {
    await codes.upsert('the-code-itself', { jti: 'the-code-itself', grantId: 'g0' }, 60);
    expect(await codes.find('the-code-itself')).toEqual({ jti: 'the-code-itself', grantId: 'g0' });
    expect(JSON.stringify(await rows())).not.toContain('the-code-itself');
  });

  it('is consumed once, however many ask at once', async () => {
    await codes.upsert('c1', { grantId: 'g1' }, 60);
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => codes.consume('c1')));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const { consumed } = (await codes.find('c1')) as { consumed: number };
    expect(Math.abs(consumed - Date.now() / 1000)).toBeLessThan(5);
  });

  it('goes with its grant, and nothing of another grant goes', async () => {
    await codes.upsert('c2', { grantId: 'g2' }, 60);
    await codes.upsert('c3', { grantId: 'g3' }, 60);
    await codes.revokeByGrantId('g2');
    expect(await codes.find('c2')).toBeUndefined();
    expect(await codes.find('c3')).toBeDefined();
  });

  it('is swept out in batches once it has expired, and not before', async () => {
    await database.query('DELETE FROM oidc_artifacts');
    for (const id of ['x1', 'x2', 'x3']) await codes.upsert(id, {}, -1);
    await codes.upsert('fresh', {}, 60);
    await codes.upsert('for ever', {});
    expect([await purgeExpired(database, 2), await purgeExpired(database, 2), await purgeExpired(database, 2)]).toEqual(
      [2, 1, 0],
    );
    expect(await rows()).toHaveLength(2);
  });
});

describe('signing keys', () => {
  it('are one key for all, also when several instances start for the first time at once', async () => {
    const seen = await Promise.all(Array.from({ length: 5 }, () => signingKeys(database)));
    expect(seen[0]).toHaveLength(1);
    expect(seen[0]?.[0]).toMatchObject({
      kty: 'EC',
      crv: 'P-256',
      alg: 'ES256',
      use: 'sig',
      kid: expect.any(String),
      d: expect.any(String),
    });
    for (const keys of seen) expect(keys).toEqual(seen[0]);
  });

  it('are made anew before they are needed: published first, used later, one for all, and dropped when nothing of theirs is shown any more', async () => {
    const [first] = await signingKeys(database);
    const made = await Promise.all(
      Array.from({ length: 5 }, () => rotate(database, { lead: 900, rotateAfter: 60 }, { now: true })),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect((await signingKeys(database)).map(({ kid }) => kid)).toEqual([first?.kid, made.find(Boolean)]);
    expect((await keyStates(database)).map(({ state }) => state)).toEqual(['signs', 'next']);
    await database.query(`UPDATE signing_keys SET signs_from = signs_from - interval '901 seconds'`);
    expect((await signingKeys(database)).map(({ kid }) => kid)).toEqual([made.find(Boolean), first?.kid]);
    expect((await keyStates(database)).map(({ state }) => state)).toEqual(['signs', 'kept']);
    expect(await rotate(database, { lead: 900, rotateAfter: 60 }, { now: false })).toBeUndefined();
    await database.query(`UPDATE signing_keys SET signs_from = signs_from - interval '25 hours'`);
    expect(await rotate(database, { lead: 900, rotateAfter: 60 }, { now: false })).toBeDefined();
    expect((await signingKeys(database)).map(({ kid }) => kid)).not.toContain(first?.kid);
  });
});

describe('a session that was ended', () => {
  const session = () => ({ kind: 'Session', uid: crypto.randomUUID(), jti: crypto.randomUUID(), loginTs: 1 });

  it('is not there again when a request that was under way saves it once more', async () => {
    const one = session();
    await sessions.upsert(one.jti, one, 60);
    await endSession(database, one.uid);
    await sessions.upsert(one.jti, one, 60);
    expect([await sessions.find(one.jti), await sessions.findByUid(one.uid)]).toEqual([undefined, undefined]);
  });

  it('is not found where it was saved all the same, by the release before or while it ended, and nor is what began in it', async () => {
    const one = session();
    await endSession(database, one.uid);
    const row = (model: string, id: string, payload: object) =>
      database.query('INSERT INTO oidc_artifacts (model, id, payload) VALUES ($1, $2, $3)', [
        model,
        keyOf(id),
        payload,
      ]);
    await row('Session', one.jti, one);
    await row('AuthorizationCode', 'a-code', { kind: 'AuthorizationCode', sessionUid: one.uid });
    await row('AuthorizationCode', 'another-code', { kind: 'AuthorizationCode', sessionUid: crypto.randomUUID() });
    expect([
      await sessions.find(one.jti),
      await codes.find('a-code'),
      (await codes.find('another-code'))?.['kind'],
    ]).toEqual([undefined, undefined, 'AuthorizationCode']);
  });

  it('is remembered for longer than any session lives, and then forgotten', async () => {
    await database.query(
      `UPDATE ended_sessions SET expires_at = now() + interval '1 minute' WHERE uid = (SELECT uid FROM ended_sessions LIMIT 1)`,
    );
    await database.query(
      `UPDATE ended_sessions SET expires_at = now() - interval '1 second' WHERE expires_at > now() + interval '2 minutes'`,
    );
    while ((await purgeEndedSessions(database, 1)) === 1);
    expect(await database.query('SELECT 1 FROM ended_sessions')).toHaveLength(1);
  });
});

const keyOf = (id: string) => createHash('sha256').update(id).digest('base64url');
