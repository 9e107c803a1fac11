import { createHash } from 'node:crypto';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from './documents/operations.ts';
import { startGraph } from './graph.fixture.ts';

let open: Awaited<ReturnType<typeof startGraph>>;
let listed: Awaited<ReturnType<typeof startGraph>>;
beforeAll(async () => {
  [open, listed] = await Promise.all([startGraph(), startGraph({ GRAPH_OPERATIONS: 'listed' })]);
});
afterAll(() => Promise.all([open, listed].map((graph) => graph.stop())));

const times = (count: number, text: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => text(at)).join(' ');
const orders = (limit: string) => `orders(limit: ${limit}) { items { lines { product { id } } } }`;

const attacks: readonly [string, string, string][] = [
  ['a document of 20 KB', `{ ${times(1_500, () => '__typename ')} }`, 'query-too-long'],
  ['2,000 words', `{ ${times(2_000, () => 'a')} }`, 'query-too-many-tokens'],
  ['a syntax tree in place of a document', JSON.stringify({ kind: 'Document', definitions: [] }), 'query-malformed'],
  ['levels without end', `{ ${'products { items '.repeat(30)} { id } ${'}'.repeat(31)}`, 'query-too-deep'],
  [
    'levels in fragments',
    `{ products { ...a } } ${times(8, (at) => `fragment ${'abcdefghi'[at]} on ProductPage { items { ...${'abcdefghi'[at + 1]} } }`)}`,
    'query-too-deep',
  ],
  [
    'one field under 100 names',
    `{ products { ${times(100, (at) => `a${at}: nextCursor`)} } }`,
    'query-too-many-aliases',
  ],
  ['100 root fields', `{ ${times(100, () => '__typename')} }`, 'query-too-many-roots'],
  [
    'two mutations for one key',
    'mutation { cancelOrder(id: "x") { id } b: cancelOrder(id: "y") { id } }',
    'query-too-many-mutations',
  ],
  [
    '100 directives',
    `{ products { nextCursor ${times(100, () => '@skip(if: false)')} } }`,
    'query-too-many-directives',
  ],
  ['100 fragments', `{ products { ${times(100, () => '... { nextCursor }')} } }`, 'query-too-many-fragments'],
  [
    'fragments that double each other',
    `{ products { ...a0 } } ${times(18, (at) => `fragment a${at} on ProductPage { ...a${at + 1} ...a${at + 1} }`)} fragment a18 on ProductPage { nextCursor }`,
    'none',
  ],
  [
    'a fragment within itself',
    '{ products { ...a } } fragment a on ProductPage { ...b } fragment b on ProductPage { ...a }',
    'query-invalid',
  ],
  ['a fragment within its field', '{ products { items { ...a } } } fragment a on Product { id ...a }', 'query-invalid'],
  ['10,000 objects', `{ ${orders('100')} }`, 'query-too-costly'],
  ['10,000 objects by a variable', `query ($n: Int = 100) { ${orders('$n')} }`, 'query-too-costly'],
  [
    'the schema within the schema',
    `{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }`,
    'query-invalid',
  ],
];

describe('what asks for too much', () => {
  it.each(attacks)('is refused before anything is executed: %s', async (_what, query, code) => {
    open.catalog.says(200, { items: [] });
    open.catalog.seen.length = 0;
    open.orders.seen.length = 0;
    await open.ask('{ __typename }');
    const since = performance.now();
    const { codes, data } = await open.ask(query);
    const took = performance.now() - since;
    if (code === 'none') expect([codes, data]).toEqual([[], { products: { nextCursor: null } }]);
    else expect([codes[0], new Set(codes).size, data]).toEqual([code, 1, undefined]);
    expect(open.orders.seen).toEqual([]);
    // PROOF.md says 50 ms; a machine that is busy with other things gets a second.
    expect(took).toBeLessThan(1_000);
  });

  it('is refused as a batch', async () => {
    const body = JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]);
    const { status, codes } = await open.send('', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect([status, codes]).toEqual([400, ['batch-not-allowed']]);
  });

  it('is refused as a body of a megabyte', async () => {
    expect(await open.ask('{ __typename }', { junk: 'x'.repeat(1_000_000) })).toMatchObject({
      status: 413,
      codes: ['body-too-large'],
    });
  });

  it('costs what it is, not what it could be', async () => {
    expect((await open.ask(`query ($n: Int!) { ${orders('$n')} }`, { n: 40 })).codes).toEqual(['token-missing']);
    expect((await open.ask(`query ($n: Int!) { ${orders('$n')} }`, { n: 60 })).codes).toEqual(['query-too-costly']);
  });
});

describe('an ordinary operation', () => {
  it.each([...operations.values()].map((text) => [/\w+ \w+/.exec(text)?.[0], text]))(
    'is within every limit: %s',
    async (_name, text) => {
      const variables = {
        id: '0198c0de-0000-7000-8000-000000000001',
        limit: 40,
        input: { lines: [], paymentToken: 'tok_a' },
      };
      const { codes } = await open.ask(text as string, variables);
      expect(codes.filter((code) => /^(query|variables|operation)-/.test(code))).toEqual([]);
    },
  );
});

describe('where only listed operations are executed', () => {
  const [text = '', hash = ''] =
    [...operations].map(([hash, text]) => [text, hash]).find(([text]) => text?.startsWith('query Products')) ?? [];
  const persisted = (sha256Hash: string) =>
    JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash } } });
  const post = (body: string) =>
    listed.send('', { method: 'POST', headers: { 'content-type': 'application/json' }, body });

  it('one is known by the hash of its text, and by its text', async () => {
    listed.catalog.says(200, { items: [] });
    expect(hash).toBe(createHash('sha256').update(text).digest('hex'));
    const answers = [await post(persisted(hash)), await listed.ask(text)];
    expect(answers.map(({ data }) => data)).toEqual([
      { products: { items: [], nextCursor: null } },
      { products: { items: [], nextCursor: null } },
    ]);
  });

  it.each([
    ['another text', JSON.stringify({ query: `${text} ` }), 'operation-not-listed'],
    ['the schema', JSON.stringify({ query: getIntrospectionQuery() }), 'query-too-long|operation-not-listed'],
    ['a hash that is unknown', persisted('0'.repeat(64)), 'persisted-query-not-found'],
    [
      'a hash with a text of its own',
      JSON.stringify({ query: '{ __typename }', extensions: { persistedQuery: { version: 1, sha256Hash: hash } } }),
      'operation-not-listed',
    ],
  ])('nothing else is: %s', async (_what, body, code) => {
    expect((await post(body)).codes[0]).toMatch(new RegExp(`^(${code})$`));
  });

  it('nothing is suggested: no word of the schema that was not sent', async () => {
    const { errors } = await listed.ask(text, { limit: 'many' });
    expect(JSON.stringify(errors)).not.toMatch(/did you mean/i);
  });
});
