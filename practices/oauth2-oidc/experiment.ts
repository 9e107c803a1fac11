import { readdirSync, readFileSync } from 'node:fs';
import { refresh, register } from '@shop/infra/login';
import { TokenVerifier } from '@shop/platform';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { numbersFrom } from '../lab/seed.ts';

interface TheftLoad extends Load {
  /** Customers whose refresh token somebody copied. */
  readonly thefts: number;
  /** What the thief still tries after the owner has refreshed. */
  readonly attempts: number;
}

/** Auth's own reuseGrace, after which a second use is no accident any more, and one second. */
const GRACE_S = 11;
const folder = new URL('../../apps/auth/migrations/', import.meta.url);
const tables = readdirSync(folder)
  .sort()
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');

/** Somebody copies a refresh token. Sooner or later the owner refreshes, too. For how long does the thief go on? */
export const experiment: Experiment<TheftLoad> = {
  title: 'OAuth 2.1: stolen refresh tokens',
  harm: 'requests that a thief got through after the owner’s next refresh',
  variants: [
    { name: 'used for ever', practice: false, what: 'a refresh token is good until it expires' },
    { name: 'rotated only', practice: false, what: 'it is good once; a second use is refused, and that is all' },
    {
      name: 'reuse ends the family',
      practice: true,
      what: 'a second use after ten seconds ends every token of that sign-in',
    },
  ],
  load: { full: { seed: 20, thefts: 60, attempts: 5 }, quick: { seed: 20, thefts: 6, attempts: 2 } },
  tables,
  topics: [],

  async round(bench, { name }, load) {
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    const issuer = (await service.ask<string>('issuer')) ?? '';
    const api = new TokenVerifier(issuer, `${issuer}/jwks`);
    const next = numbersFrom(load.seed);
    let [thiefFirst, passed, signInsAgain, before] = [0, 0, 0, 0];
    for (let n = 0; n < load.thefts; n++) {
      const { refreshToken: copied } = await register({
        issuer,
        name: 'Olive',
        email: `olive-${n}@example.com`,
        password: 'correct horse battery',
      });
      const first = next() < 0.5;
      let stolen = copied;
      if (first) {
        thiefFirst++;
        const got = await used(api, issuer, copied);
        before += got ? 1 : 0;
        stolen = got ?? copied;
        await graceIsOver(bench);
      }
      if ((await used(api, issuer, copied)) === undefined) signInsAgain++;
      if (!first) await graceIsOver(bench);
      for (let attempt = 0; attempt < load.attempts; attempt++) {
        const got = await used(api, issuer, stolen);
        if (got === undefined) continue;
        passed++;
        stolen = got;
      }
    }
    return {
      harm: passed,
      figures: {
        thefts: load.thefts,
        'thief was first': thiefFirst,
        'requests of the thief before': before,
        'requests of the thief after': passed,
        'of so many': load.thefts * load.attempts,
        'owners who have to sign in again': signInsAgain,
      },
      doubts: [
        ...bench.doubts(service),
        ...(before === thiefFirst
          ? []
          : [`of ${thiefFirst} thieves who were first, ${before} got in: a copy that is worth nothing shows nothing`]),
        ...(thiefFirst > 0 && thiefFirst < load.thefts ? [] : ['it was always the same who came first']),
      ],
    };
  },
};

/** Refreshes and makes one request with what comes of it; the next refresh token, or nothing where it was refused. */
async function used(api: TokenVerifier, issuer: string, token: string): Promise<string | undefined> {
  try {
    const { accessToken, refreshToken } = await refresh(issuer, token);
    await api.verify(accessToken);
    return refreshToken;
  } catch (error) {
    if ((error as { error?: string }).error === 'invalid_grant') return undefined;
    throw error;
  }
}

/** As if so much time had gone by since any token was used; nobody sleeps. */
async function graceIsOver(bench: Bench): Promise<void> {
  await bench.query(
    `UPDATE oidc_artifacts SET consumed_at = consumed_at - make_interval(secs => ${GRACE_S}) WHERE consumed_at IS NOT NULL`,
  );
}
