import { identities, type Identity } from './identities.ts';

/** What comes of an operation: it is done, or one of these. */
export type Cell = 'done' | 401 | 403 | 404;
export type Row = Readonly<Record<Identity, Cell>>;

const row = (of: (identity: Identity) => Cell): Row =>
  Object.fromEntries(identities.map((identity) => [identity, of(identity)])) as Row;
const untold: readonly Identity[] = ['anonymous', 'expired', 'wrong audience'];
/** Nobody comes in without a token; with one, who is named may, and the others get `otherwise`. */
const only = (allowed: readonly Identity[], otherwise: (identity: Identity) => Cell): Row =>
  row((identity) => (untold.includes(identity) ? 401 : allowed.includes(identity) ? 'done' : otherwise(identity)));
const people: readonly Identity[] = ['owner', 'other customer', 'support', 'admin by password alone', 'admin'];
/** A token for one service is none at another; at auth itself it lacks the scope. */
const machine =
  (at: string) =>
  (identity: Identity): Cell =>
    identity === 'service' && at !== 'auth' ? 401 : 403;

/** Who may do what, by name. `at` is the service that is asked. */
export const rules = {
  /** What everybody may see; a token is not even looked at. */
  public: () => row(() => 'done'),
  /** Whoever is signed in, about themselves. */
  people: (at: string) => only(people, machine(at)),
  /** Whose it is; to others it is not there. */
  owner: (at: string) => only(['owner'], (identity) => (people.includes(identity) ? 404 : machine(at)(identity))),
  /** Whose it is, and those who serve customers; to others it is not there. */
  'owner or staff': (at: string) =>
    only(['owner', 'support', 'admin'], (identity) => (people.includes(identity) ? 404 : machine(at)(identity))),
  admin: (at: string) => only(['admin'], machine(at)),
  operator: (at: string) => only(['operator'], machine(at)),
  service: (at: string) => only(['service'], machine(at)),
} satisfies Record<string, (at: string) => Row>;
export type Rule = keyof typeof rules;
