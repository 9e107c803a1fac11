import { auditServer } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGraph } from './graph.fixture.ts';

let graph: Awaited<ReturnType<typeof startGraph>>;
beforeAll(async () => {
  graph = await startGraph();
});
afterAll(() => graph.stop());

const preflight = { 'graphql-preflight': '1' };
const audits = async (fetchFn: typeof fetch) => {
  const results = await auditServer({ url: graph.url, fetchFn });
  return {
    count: results.length,
    failed: results.filter(({ status }) => status !== 'ok').map(({ id, name }) => `${id} ${name}`),
  };
};

describe('the audits of GraphQL over HTTP', () => {
  it('all pass for a client that says that it is no form of another site', async () => {
    const { count, failed } = await audits((url, init) =>
      fetch(url, { ...init, headers: { ...init?.headers, ...preflight } }),
    );
    expect(failed).toEqual([]);
    expect(count).toBeGreaterThan(60);
  });

  it('fail for one that does not only where it reads by GET: docs/adr/0020', async () => {
    const { failed } = await audits(fetch);
    expect(failed).toEqual([
      '5A70 MAY accept application/x-www-form-urlencoded formatted GET requests',
      'D6D5 MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/graphql-response+json',
      '6A70 MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/json',
    ]);
  });
});

describe('a GET', () => {
  const get = (query: string, headers: Record<string, string>) =>
    graph.send(`?${new URLSearchParams({ query })}`, { headers });

  it('reads', async () => {
    expect(await get('{ __typename }', preflight)).toMatchObject({ status: 200, data: { __typename: 'Query' } });
  });

  it('is not taken from a page of another site, which can send no header of its own', async () => {
    expect(await get('{ __typename }', {})).toMatchObject({ status: 400, codes: ['preflight-required'] });
  });

  it('changes nothing', async () => {
    expect(await get('mutation { cancelOrder(id: "x") { id } }', preflight)).toMatchObject({
      status: 405,
      codes: ['method-not-allowed'],
    });
    expect(graph.orders.seen).toEqual([]);
  });
});

describe('a POST', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'is not taken as %s, which any page may send',
    async (type) => {
      expect(
        await graph.send('', { method: 'POST', headers: { 'content-type': type }, body: '{"query":"{ __typename }"}' }),
      ).toMatchObject({ status: 415 });
    },
  );

  it('says by its status that nothing was executed, where the client knows that', async () => {
    const accept = 'application/graphql-response+json';
    const { status, type, data } = await graph.ask('{ nope }', {}, { accept });
    expect([status, type, data]).toEqual([400, `${accept}; charset=utf-8`, undefined]);
  });

  it.each([
    ['application/graphql-response+json, application/json;q=0.9', 'application/graphql-response+json'],
    ['application/graphql-response+json, application/json', 'application/graphql-response+json'],
    ['application/graphql-response+json;q=0.1, application/json', 'application/json'],
    ['application/graphql-response+json;q=0, */*', 'application/json'],
    ['*/*', 'application/json'],
    ['', 'application/json'],
  ])('is answered to who takes %j with %s', async (accept, type) => {
    expect((await graph.ask('{ __typename }', {}, { accept })).type).toBe(`${type}; charset=utf-8`);
  });
});
