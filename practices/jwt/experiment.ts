import { TokenVerifier } from '@shop/platform';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import { attacks } from '../security/attacks.ts';
import { openWorkshop } from '../security/forge.ts';
import { openIssuer } from '../lab/issuer.ts';
import { TrustingVerifier } from './trusting-verifier.ts';

interface JwtLoad extends Load {
  /** Real tokens, each checked once and then again. */
  readonly tokens: number;
}

type Verifier = Pick<TokenVerifier, 'verify'>;

/** The list of attacks that CI runs against the shop, against a verifier that believes what a token says of itself. */
export const experiment: Experiment<JwtLoad> = {
  title: 'JWT',
  harm: 'forged tokens accepted',
  variants: [
    {
      name: 'trusting',
      practice: false,
      what: 'the token says by which algorithm and key it is checked; then its signature and expiry are',
    },
    { name: 'strict', practice: true, what: 'algorithms, keys, issuer, audience and type are the verifier’s own' },
  ],
  load: { full: { seed: 20, tokens: 2_000 }, quick: { seed: 20, tokens: 200 } },
  tables: '',
  topics: [],

  async round(_bench, { practice }, load) {
    const issuer = await openIssuer();
    const names = keysFrom(numbersFrom(load.seed), load.tokens);
    const real = await Promise.all(names.map((name) => issuer.access(name)));
    const workshop = await openWorkshop(
      { access: real[0] ?? '', idToken: await issuer.idToken(), refresh: 'an-opaque-refresh-token-of-the-shop' },
      issuer.privateJwk,
    );
    const open = (): Verifier =>
      practice ? new TokenVerifier(issuer.name, issuer.keysUrl) : new TrustingVerifier(issuer.keysUrl);
    try {
      const accepted: string[] = [];
      for (const { name, forge } of attacks) if (await takes(open(), await forge(workshop))) accepted.push(name);
      const verifier = open();
      const [first, taken] = await cpuOf(verifier, real);
      const [again, takenAgain] = await cpuOf(verifier, real);
      const missed = 2 * real.length - taken - takenAgain;
      return {
        harm: accepted.length,
        figures: {
          attacks: attacks.length,
          accepted: accepted.length,
          'came for the forger’s keys': workshop.fetched(),
          'real tokens': real.length,
          'µs of CPU the first time': first,
          'µs of CPU again': again,
        },
        cases: accepted,
        doubts: missed === 0 ? [] : [`${missed} times a real token was refused`],
      };
    } finally {
      workshop.close();
      issuer.close();
    }
  },
};

const takes = (verifier: Verifier, token: string) =>
  verifier.verify(token).then(
    () => true,
    () => false,
  );

/** Microseconds of this process a token, and how many were taken. */
async function cpuOf(verifier: Verifier, tokens: readonly string[]): Promise<[number, number]> {
  const before = process.cpuUsage();
  let taken = 0;
  for (const token of tokens) if (await takes(verifier, token)) taken++;
  const { user, system } = process.cpuUsage(before);
  return [Math.round((user + system) / tokens.length), taken];
}
