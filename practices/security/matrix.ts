import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Outcome } from '@shop/infra/test-report';
import type { Command, Occasion } from './command.ts';
import { graphCovered, graphOperations, graphTried } from './graph.ts';
import { identities, type Identity } from './identities.ts';
import { operations, type Operation } from './operations.ts';
import { rules, type Cell } from './rules.ts';
import type { Shop } from './shop.ts';
import { makeWorld, type World } from './world.ts';

const page = fileURLToPath(new URL('../../docs/security/matrix.md', import.meta.url));

export const matrix: Command = {
  what: 'every operation of every service as everybody: nothing is done that its rule does not allow, and another’s is not there',
  async run(shop, occasion) {
    const world = await makeWorld(shop);
    const outcomes = [
      ...covered(shop),
      ...(await documented(shop)),
      graphCovered(),
      ...(await graphTried(shop, world, mayKnow)),
      ...(await tried(shop, world)),
      await readsWritten(shop, world),
    ];
    occasion.say(
      `${entries().length + Object.keys(graphOperations).length} operations × ${identities.length} identities`,
    );
    return [...outcomes, ...written(occasion)];
  },
};

const entries = () =>
  Object.entries(operations).flatMap(([service, own]) =>
    Object.entries(own).map(([route, operation]) => ({ service: service as keyof Shop['services'], route, operation })),
  );

/** The running routers and the table name the same operations. */
export function covered({ services }: Pick<Shop, 'services'>): Outcome[] {
  return Object.entries(services).map(([name, { routes }]) => {
    const running = new Set(routes.map(({ method, url }) => `${method} ${url}`));
    const known = Object.keys(operations[name] ?? {});
    const missing = [...running].filter((route) => !known.includes(route)).map((route) => `${route} has no rule`);
    const gone = known.filter((route) => !running.has(route)).map((route) => `${route} has a rule and is not there`);
    return { test: `every route of ${name} has its rule`, faults: [...missing, ...gone] };
  });
}

/** What the gateway offers is in one of its OpenAPI documents. */
async function documented({ services }: Shop): Promise<Outcome[]> {
  const described = new Set<string>();
  for (const version of ['v1', 'v2']) {
    const { paths } = (await (await fetch(`${services.gateway.url}/${version}/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    for (const [path, item] of Object.entries(paths))
      for (const verb of Object.keys(item)) described.add(`${verb.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`);
  }
  const absent = Object.entries(operations['gateway'] ?? {}).filter(
    ([route, { undocumented }]) => undocumented === undefined && !described.has(route),
  );
  return [
    {
      test: 'every route of the gateway is in an OpenAPI document',
      faults: absent.map(([route]) => `${route} is not`),
    },
  ];
}

/** Whoever else finds the owner's order in any answer, a list or a message, has found too much. */
const mayKnow: ReadonlySet<Identity> = new Set(['owner', 'support', 'admin', 'operator']);

/** As one identity after the other, so that who may not has tried before anything is changed. */
export async function tried(shop: Shop, world: World): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const entry of entries()) {
    const wanted = rules[entry.operation.rule](entry.service);
    const faults: string[] = [];
    for (const identity of identities) {
      const { status, body } = await asked(shop, world, { ...entry, identity });
      if (status < 300 && body.includes(world.order) && !mayKnow.has(identity))
        faults.push(`${identity} is shown an order of somebody else`);
      if (!isAs(status, wanted[identity], entry.operation))
        faults.push(
          `${identity} gets ${status}, not ${wanted[identity] === 'done' ? (entry.operation.done ?? '2xx') : wanted[identity]}`,
        );
    }
    outcomes.push({ test: `${entry.service} ${entry.route}`, faults });
  }
  return outcomes;
}

async function asked(
  { services }: Shop,
  world: World,
  {
    service,
    route,
    operation,
    identity,
  }: { service: keyof Shop['services']; route: string; operation: Operation; identity: Identity },
): Promise<{ status: number; body: string }> {
  const [method = '', url = ''] = route.split(' ');
  const { path, body, headers } = (await operation.ask?.(world)) ?? { path: url };
  const token = world.people.tokens[identity];
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const answer = await fetch(services[service].url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
      ...(token && { authorization: `Bearer ${token}` }),
    },
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
    ...sent,
  });
  return { status: answer.status, body: await answer.text() };
}

function isAs(status: number, wanted: Cell, { done }: Operation): boolean {
  if (wanted !== 'done') return status === wanted;
  return done === undefined ? status >= 200 && status < 300 : status === done;
}

/** Support and admin have read the owner's order by now, the other customer has not. */
async function readsWritten(shop: Shop, { people, order }: World): Promise<Outcome> {
  const rows = await shop.sql<{ customer: string; readers: number }>(
    'orders',
    'SELECT customer, count(DISTINCT reader)::int AS readers FROM order_reads WHERE order_id = $1 GROUP BY customer',
    [order],
  );
  const right = rows.length === 1 && rows[0]?.customer === people.owner && rows[0].readers === 2;
  return {
    test: 'who reads a customer’s order is written down',
    faults: right ? [] : [`written: ${JSON.stringify(rows)}`],
  };
}

/** The page says what was tried. In CI it must be right already. */
function written({ args }: Occasion): Outcome[] {
  const text = asPage();
  const right = existsSync(page) && readFileSync(page, 'utf8') === text;
  if (!right && !args.includes('--check')) writeFileSync(page, text);
  return [
    {
      test: 'docs/security/matrix.md says so',
      faults: right || !args.includes('--check') ? [] : ['it is stale: run npm run security matrix'],
    },
  ];
}

function asPage(): string {
  const cells = (of: (identity: Identity) => string) => identities.map(of).join(' | ');
  const table = Object.entries(operations).map(([service, own]) => {
    const lines = Object.entries(own).map(([route, { rule, done }]) => {
      const row = rules[rule](service);
      const shown = (cell: Cell) => (cell !== 'done' ? String(cell) : done === undefined ? '**2xx**' : `**${done}**`);
      return `| \`${route}\` | ${rule} | ${cells((identity) => shown(row[identity]))} |`;
    });
    return [
      `## ${service}`,
      `| operation | who may | ${identities.join(' | ')} |`,
      `|---|---|${identities.map(() => '---|').join('')}`,
      ...lines,
      '',
    ].join('\n');
  });
  const fields = Object.entries(graphOperations).map(([field, { rule }]) => {
    const row = rules[rule]('gateway');
    return `| \`${field}\` | ${rule} | ${cells((identity) => (row[identity] === 'done' ? '**done**' : String(row[identity])))} |`;
  });
  table.push(
    [
      '## graph',
      `| field | who may | ${identities.join(' | ')} |`,
      `|---|---|${identities.map(() => '---|').join('')}`,
      ...fields,
      '',
    ].join('\n'),
  );
  return `<!-- Written by "npm run security matrix" once every cell was seen to be so: edit practices/security/operations.ts instead. -->
# Who may do what

Every operation of the running route tables, tried as everybody against a whole shop. **Bold**: it is done (where a number stands, that is what this shop
answers to whoever may: it has no such thing, or the form lacks its secret). 404: another's is not there. A route that has no rule fails CI, and so does one
of the gateway that the OpenAPI document lacks.

${table.join('\n')}`;
}
