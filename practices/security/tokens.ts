import { register, refresh, type SignedIn } from '@shop/infra/login';
import type { JWK } from 'jose';
import { attacks } from './attacks.ts';
import type { Outcome } from '@shop/infra/test-report';
import type { Command, Occasion } from './command.ts';
import { openWorkshop } from './forge.ts';
import type { Shop } from './shop.ts';

/** A route of each service that wants a token. What a valid one gets there is not 401, which is tried first. */
const doors = {
  gateway: '/v1/orders',
  auth: '/accounts/01900000-0000-7000-8000-000000000000',
  catalog: '/products/01900000-0000-7000-8000-000000000000/record',
  orders: '/orders',
  payments: '/operations/outbox',
  notifications: '/messages',
} as const;
type Door = keyof typeof doors;

const ways: Record<string, (token: string) => { query?: string; headers?: Record<string, string> }> = {
  'a real token in the address': (token) => ({ query: `?access_token=${token}` }),
  'a real token in a cookie': (token) => ({ headers: { cookie: `access_token=${token}` } }),
  'a real token as a password': (token) => ({ headers: { authorization: `Basic ${btoa(`user:${token}`)}` } }),
  'who one is in plain headers': () => ({
    headers: { 'x-user-id': 'somebody', 'x-roles': 'admin', 'x-forwarded-user': 'somebody', 'x-internal': 'true' },
  }),
};

export const tokens: Command = {
  what: 'forged, stolen and misused tokens at the gateway and at every service behind it: all refused',
  async run(shop, occasion) {
    const customer = await somebody(shop);
    const outcomes = [...(await forgeries(shop, customer, occasion)), ...(await refreshes(shop))];
    occasion.say(
      `${attacks.length} forgeries and ${Object.keys(ways).length} ways to carry a token, at ${Object.keys(doors).length} doors; refreshes in parallel, late, stolen`,
    );
    return outcomes;
  },
};

let people = 0;

function somebody({ issuer }: Shop): Promise<SignedIn> {
  return register({
    issuer,
    email: `tokens-${(people += 1)}@example.com`,
    password: 'correct horse battery',
    name: 'Toni Token',
  });
}

async function forgeries(
  shop: Shop,
  { accessToken: access, idToken, refreshToken }: SignedIn,
  { say }: Occasion,
): Promise<Outcome[]> {
  const [key] = await shop.sql<{ jwk: JWK }>('auth', 'SELECT jwk FROM signing_keys ORDER BY signs_from LIMIT 1');
  const workshop = await openWorkshop({ access, idToken, refresh: refreshToken }, key!.jwk);
  try {
    const control = await everywhere(shop, bearer(access), (status) =>
      status === 401 ? 'a real token is refused, so nothing can be told' : undefined,
    );
    const outcomes: Outcome[] = [{ test: 'a real token passes', faults: control }];
    for (const { name, forge } of attacks)
      outcomes.push({ test: name, faults: await everywhere(shop, bearer(await forge(workshop))) });
    for (const [name, way] of Object.entries(ways))
      outcomes.push({ test: name, faults: await everywhere(shop, way(access)) });
    const fetched = workshop.fetched();
    outcomes.push({
      test: 'nobody fetches a forger’s keys',
      faults: fetched === 0 ? [] : [`${fetched} times somebody did`],
    });
    say(
      `refused everywhere: ${outcomes.filter(({ faults }) => faults.length === 0).length - 2} of ${attacks.length + Object.keys(ways).length}`,
    );
    return outcomes;
  } finally {
    workshop.close();
  }
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const notRefused = (status: number) => (status === 401 ? undefined : `answers ${status}, not 401`);

async function everywhere(
  shop: Shop,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> },
  faultOf: (status: number) => string | undefined = notRefused,
): Promise<string[]> {
  const asked = (Object.keys(doors) as Door[]).map(async (door) => {
    const { status } = await fetch(shop.services[door].url + doors[door] + query, {
      headers,
      signal: AbortSignal.timeout(10_000),
    });
    const fault = faultOf(status);
    return fault === undefined ? [] : [`${door} ${fault}`];
  });
  return (await Promise.all(asked)).flat();
}

/** What became of a refresh: new tokens, or the error that RFC 6749 names. */
type Refreshed = Awaited<ReturnType<typeof refresh>> | { error: string };
const again = ({ issuer }: Shop, token: string): Promise<Refreshed> =>
  refresh(issuer, token).catch((failure: { error?: string; message: string }) => ({
    error: failure.error ?? failure.message,
  }));
const refusedAs = (outcome: Refreshed) => ('error' in outcome ? outcome.error : 'granted');
const PARALLEL = 50;

/** PROOF: of fifty parallel refreshes one wins and nothing is revoked; used again later, the token ends the family. */
async function refreshes(shop: Shop): Promise<Outcome[]> {
  const { refreshToken: first } = await somebody(shop);
  const outcomes = await Promise.all(Array.from({ length: PARALLEL }, () => again(shop, first)));
  const won = outcomes.flatMap((outcome) => ('error' in outcome ? [] : [outcome]));
  const lost = new Set(outcomes.map(refusedAs));
  const second = won[0] && (await again(shop, won[0].refreshToken));
  const alive = second !== undefined && !('error' in second);
  // The grace is over, as if eleven seconds had gone by.
  await shop.sql(
    'auth',
    `UPDATE oidc_artifacts SET consumed_at = consumed_at - interval '11 seconds' WHERE model = 'RefreshToken'`,
  );
  const reused = refusedAs(await again(shop, first));
  const family = alive ? refusedAs(await again(shop, second.refreshToken)) : 'unknown';
  const expected = (what: string, is: unknown, wanted: unknown) =>
    is === wanted ? [] : [`${what}: ${String(is)}, not ${String(wanted)}`];
  return [
    { test: `one of ${PARALLEL} parallel refreshes wins`, faults: expected('won', won.length, 1) },
    {
      test: 'the others get invalid_grant, and nothing is revoked',
      faults: [
        ...expected('they got', [...lost].sort().join(), 'granted,invalid_grant'),
        ...expected('the winner goes on', alive, true),
      ],
    },
    {
      test: 'a refresh token used again later ends its whole family',
      faults: [...expected('it got', reused, 'invalid_grant'), ...expected('the family', family, 'invalid_grant')],
    },
  ];
}
