import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AsyncApi } from '@shop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { broken, documents, stale, write, type Documents } from './documents.ts';

const asyncApi = 'libs/contracts/generated/asyncapi.json';
const clone = mkdtempSync(join(tmpdir(), 'documents-'));
let wanted: Documents;
beforeAll(async () => {
  mkdirSync(join(clone, 'libs/contracts'), { recursive: true });
  cpSync(resolve(import.meta.dirname, '../libs/contracts/golden'), join(clone, 'libs/contracts/golden'), {
    recursive: true,
  });
  wanted = await documents(clone);
});
afterAll(() => rmSync(clone, { recursive: true }));

describe('the generated documents', () => {
  it('are all missing at first, which breaks nobody, and none once they are written', () => {
    expect(stale(clone, wanted)).toEqual([...wanted.keys()]);
    expect(broken(clone, wanted)).toEqual([]);
    write(clone, wanted);
    expect(stale(clone, wanted)).toEqual([]);
  });

  it('are the same however often they are made', async () => expect(await documents(clone)).toEqual(wanted));

  it('are stale when one was edited, lost, or left behind by a type that is gone', () => {
    const left = 'libs/contracts/generated/schemas/orders.order-forgotten.v1.json';
    writeFileSync(join(clone, 'docs/topology.md'), 'by hand');
    writeFileSync(join(clone, left), '{}');
    rmSync(join(clone, 'apps/gateway/generated/openapi.v1.json'));
    expect(stale(clone, wanted).sort()).toEqual(['apps/gateway/generated/openapi.v1.json', 'docs/topology.md', left]);
    write(clone, wanted);
    expect(stale(clone, wanted)).toEqual([]);
  });

  it('may not break what is committed: a type that the code lacks is named', () => {
    const committed = JSON.parse(readFileSync(join(clone, asyncApi), 'utf8')) as AsyncApi;
    const type = 'orders.order-returned.v1';
    const channel = committed.channels['orders.events'] as AsyncApi['channels'][string];
    const channels = {
      ...committed.channels,
      'orders.events': { ...channel, messages: { ...channel.messages, [type]: { $ref: '' } } },
    };
    writeFileSync(join(clone, asyncApi), JSON.stringify({ ...committed, channels }));
    expect(broken(clone, wanted)).toEqual([expect.stringMatching(/^orders\.order-returned\.v1 is gone/)]);
    write(clone, wanted);
  });

  it.each([1, 2])('nor what clients of version %i call: an operation that the code lacks is named', (version) => {
    const file = join(clone, `apps/gateway/generated/openapi.v${version}.json`);
    const committed = JSON.parse(readFileSync(file, 'utf8')) as { paths: object };
    writeFileSync(
      file,
      JSON.stringify({
        ...committed,
        paths: { ...committed.paths, [`/v${version}/gifts`]: { get: { responses: {} } } },
      }),
    );
    expect(broken(clone, wanted)).toEqual([`GET /v${version}/gifts is gone: clients call it.`]);
    write(clone, wanted);
  });
});
