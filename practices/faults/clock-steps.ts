import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { consumers } from '@shop/contracts';
import type { ServiceName } from '@shop/infra/environment';
import { register } from '@shop/infra/login';
import { clockObstacle, fakeClock } from './fake-clock.ts';
import type { Fault, Findings, Trial } from './fault.ts';
import { producers } from './relays.ts';
import type { Site } from './site.ts';

const HOUR_S = 3_600;
/** Ahead, back to what it is, behind, and back again: it is set forward and back by an hour, twice each. */
const offsets = [HOUR_S, 0, -HOUR_S, 0];
const services: readonly ServiceName[] = ['orders', 'catalog', 'payments', 'notifications', 'gateway', 'auth'];
/** Whose clock is set; the first instance's stays right. */
const INSTANCE = 2;
/** libfaketime looks at its file once a second. */
const SEEN_WITHIN_MS = 15_000;
/** How far the Date of an answer may be from what was set: it is in whole seconds, and this machine is busy. */
const NEAR_S = 20;
/**
 * Nobody leaves or joins, and no lock changes hands, for so long before a clock is set: what happens then is the
 * clock's doing.
 */
const [CALM_MS, CALM_WITHIN_MS] = [3_000, 60_000];
/** A step that is not answered is asked for again after half a minute; no order waits so long because of a clock. */
const LONGEST_WAIT_S = 25;
const PROBE_MS = 5_000;

/** What a clock must not change. */
interface Holdings {
  /** Shards of each outbox, by the session that holds them. */
  readonly shards: string;
  /** Members of each consumer group. */
  readonly members: string;
  /** Whether no group is being dealt out anew. */
  readonly stable: boolean;
}

/** What was seen while a clock was off, or had just been set right. */
interface Watched {
  readonly probes: number;
  readonly broken: readonly string[];
  readonly longestWaitS: number;
}

export const clocksStepped: Fault = {
  id: 'F11-steps',
  title: 'the clock of each service is set forward and back by an hour while it runs',
  // An event bears the time of the instance that recorded it. How long orders wait is watched by the database's clock
  // instead.
  bounds: { stalenessMs: 2 * HOUR_S * 1_000 + 60_000 },
  obstacle: clockObstacle,
  async strike(trial): Promise<Findings> {
    const { site } = trial;
    const clock = await fakeClock(site.servers.state);
    const fileOf = (service: ServiceName) => join(site.servers.state.folder, `clock-of-${service}`);
    const set = (service: ServiceName, offset: number) =>
      writeFileSync(fileOf(service), offset < 0 ? `${offset}\n` : `+${offset}\n`);
    for (const service of services) set(service, 0);
    await Promise.all(
      services.map((service) =>
        site.shop.restart(service, INSTANCE, {
          ...clock,
          FAKETIME_TIMESTAMP_FILE: fileOf(service),
          FAKETIME_CACHE_DURATION: '1',
        }),
      ),
    );
    const watched: Watched[] = [];
    const since = performance.now();
    for (const service of services) watched.push(await stepped(trial, service, (offset) => set(service, offset)));
    const answers = (site.load?.journal ?? [])
      .flatMap(({ answers: all }) => all)
      .filter(({ asked = 0 }) => asked >= since);
    const failed = answers.filter(({ status }) => status === undefined || status >= 500).length;
    await Promise.all(services.map((service) => site.shop.restart(service, INSTANCE)));
    const sum = (figure: (each: Watched) => number) => watched.reduce((total, each) => total + figure(each), 0);
    return {
      figures: {
        'steps of a clock': services.length * offsets.length,
        'probes of what was stepped': sum(({ probes }) => probes),
        'longest wait of an order (s)': Math.max(...watched.map(({ longestWaitS }) => longestWaitS)),
        'requests meanwhile': answers.length,
        'of them failed': failed,
      },
      broken: [
        ...watched.flatMap(({ broken }) => broken),
        ...(failed > answers.length / 100
          ? [`${failed} of ${answers.length} requests failed while clocks were set`]
          : []),
      ],
    };
  },
  judge: ({ evidence, commands }) => {
    const given = evidence.events.filter(
      ({ type, data }) => type === 'OrderCancelled' && data['reason'] === 'timed-out',
    ).length;
    const refused = commands.flatMap(({ answers }) => answers.filter(({ status }) => status === 401)).length;
    return {
      figures: { 'answered 401': refused, 'orders given up': given },
      broken: given > 0 ? [`${given} orders were given up, none of which had to wait`] : [],
    };
  },
};

/** Sets the clock of one service to each offset in turn, and looks at what follows. */
async function stepped(
  { site, quick, say }: Trial,
  service: ServiceName,
  set: (offset: number) => void,
): Promise<Watched> {
  const who = `${service}-${INSTANCE}`;
  const [token, unseen] = [await freshToken(site), await freshToken(site)];
  const before = await calm(site);
  const broken: string[] = [];
  let probes = 0;
  let longestWaitS = 0;
  for (const offset of offsets) {
    const where = `while the clock of ${who} is ${offset === 0 ? 'right again' : `${Math.abs(offset)} s ${offset > 0 ? 'ahead' : 'behind'}`}`;
    await site.accident(`the clock of ${who} is set to ${offset} s of what it is`, async () => {
      set(offset);
      return isSeen(site, service, offset, (status) => broken.push(`it says that it is not live ${where}: ${status}`));
    });
    for (const until = performance.now() + (quick ? 2_000 : 6_000); performance.now() < until; await sleep(200)) {
      probes++;
      broken.push(...(await probed(site, service, { token, ahead: offset > 0, where })));
      longestWaitS = Math.max(longestWaitS, await longestWait(site));
    }
    if (service === 'gateway' && offset > 0) broken.push(...(await refusedAhead(site, unseen)));
    const after = await holdings(site);
    if (after.shards !== before.shards)
      broken.push(`shards changed hands ${where}: ${before.shards} became ${after.shards}`);
    if (after.members !== before.members)
      broken.push(`members of groups changed ${where}: ${before.members} became ${after.members}`);
  }
  if (longestWaitS > LONGEST_WAIT_S) broken.push(`an order waited ${longestWaitS} s while the clock of ${who} was set`);
  say(`the clock of ${who} was set forward and back`);
  return { probes, broken: [...new Set(broken)], longestWaitS };
}

/**
 * Whether the process goes by its new clock, by the Date of its own answers: a clock that did not move shows nothing.
 * `notLive` hears of each answer but 200.
 */
async function isSeen(
  site: Site,
  service: ServiceName,
  offset: number,
  notLive: (status: number) => void,
): Promise<boolean> {
  for (const until = performance.now() + SEEN_WITHIN_MS; performance.now() < until; await sleep(100)) {
    const { status, date } = await probe(site, service, '/health/live');
    if (status !== 200) notLive(status);
    if (date !== undefined && Math.abs((date - Date.now()) / 1_000 - offset) < NEAR_S) return true;
  }
  return false;
}

interface Probe {
  readonly token: string;
  /** Only whose clock is ahead may take a young token for an old one. */
  readonly ahead: boolean;
  readonly where: string;
}

async function probed(site: Site, service: ServiceName, { token, ahead, where }: Probe): Promise<string[]> {
  const [live, ready, ...orders] = await Promise.all([
    probe(site, service, '/health/live'),
    probe(site, service, '/health/ready'),
    ...site.shop.instances.gateway.map((url) => statusOf(`${url}/v1/orders`, { authorization: `Bearer ${token}` })),
  ]);
  return [
    ...(live?.status === 200 ? [] : [`it says that it is not live ${where}: ${live?.status}`]),
    ...(ready?.status === 200 ? [] : [`it says that it is not ready ${where}: ${ready?.status}`]),
    ...orders
      .filter(({ status }) => status !== 200 && !(ahead && status === 401))
      .map(({ status }) => `a young token was answered ${status} ${where}`),
  ];
}

/** A token that was never shown before is over for a clock that is an hour ahead, and for no other. */
async function refusedAhead(site: Site, unseen: string): Promise<string[]> {
  const statuses: number[] = [];
  for (const url of site.shop.instances.gateway)
    statuses.push((await statusOf(`${url}/v1/orders`, { authorization: `Bearer ${unseen}` })).status);
  return statuses.every((status, index) => status === (index === INSTANCE - 1 ? 401 : 200))
    ? []
    : [
        `a token that no gateway had seen was answered ${statuses.join(', ')} while the second gateway's clock was an hour ahead`,
      ];
}

const probe = (site: Site, service: ServiceName, path: string) =>
  statusOf(`${site.shop.instances[service][INSTANCE - 1]}${path}`);

/** Its status, 0 for none, and what time it is there in ms. */
async function statusOf(url: string, headers: Record<string, string> = {}): Promise<{ status: number; date?: number }> {
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(PROBE_MS) });
    await answer.body?.cancel();
    return { status: answer.status, date: Date.parse(answer.headers.get('date') ?? '') };
  } catch {
    return { status: 0 };
  }
}

async function freshToken(site: Site): Promise<string> {
  const email = `step${Math.round(performance.now())}@example.com`;
  return (
    await register({
      issuer: `${site.shop.urls.gateway}/oidc`,
      email,
      password: 'correct horse battery',
      name: 'Stella Step',
    })
  ).accessToken;
}

/** How long the order that waits longest has waited for its step, by the database's clock, in whole seconds. */
async function longestWait(site: Site): Promise<number> {
  const [row] = await site.stores.sql<{ seconds: number }>(
    'orders',
    'SELECT coalesce(ceil(extract(epoch FROM max(clock_timestamp() - since))), 0)::int AS seconds FROM deadlines',
  );
  return row?.seconds ?? 0;
}

async function holdings(site: Site): Promise<Holdings> {
  const shards = await Promise.all(
    producers.map(async (producer) => `${producer}: ${await site.relays.holders(producer)}`),
  );
  const { groups } = await site.admin.describeGroups(Object.keys(consumers));
  const members = groups.map(
    ({ groupId, members: those }) =>
      `${groupId}: ${those
        .map(({ memberId }) => memberId)
        .sort()
        .join(' ')}`,
  );
  const states = groups.map(({ state }) => state);
  return {
    shards: shards.join('; '),
    members: members.sort().join('; '),
    stable:
      states.includes('Stable') && states.every((state) => state === 'Stable' || state === 'Empty' || state === 'Dead'),
  };
}

/** What is held, once nothing has changed hands for a while. Throws when it does not come to rest. */
async function calm(site: Site): Promise<Holdings> {
  let last = await holdings(site);
  let since = performance.now();
  for (const until = since + CALM_WITHIN_MS; performance.now() - since < CALM_MS; await sleep(250)) {
    if (performance.now() > until)
      throw new Error(`Locks and groups do not come to rest: ${last.shards}; ${last.members}`);
    const now = await holdings(site);
    if (!now.stable || now.shards !== last.shards || now.members !== last.members)
      [last, since] = [now, performance.now()];
  }
  return last;
}
