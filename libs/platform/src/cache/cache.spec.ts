import { context } from '@opentelemetry/api';
import { DomainError } from '@shop/kernel';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { remainingBudget, withDeadline } from '../telemetry/deadline.ts';
import { startTracing } from '../telemetry/tracing.ts';
import { Cache } from './cache.ts';
import type { CachePolicy } from './cache-policy.ts';
import { CacheStore } from './cache-store.ts';
import { cacheStoreContract } from './cache-store.contract.ts';
import { MemoryCacheStore } from './memory-cache-store.ts';

const memory = new MemoryCacheStore(() => Math.floor(performance.now()));
cacheStoreContract({ name: 'memory', open: () => memory, forget: async (tag) => memory.forget(tag) });

const policy: CachePolicy = {
  name: 'spec',
  version: 1,
  freshMs: 1_000,
  revalidateMs: 2_000,
  errorMs: 60_000,
  absentMs: 500,
  patienceMs: 200,
};
const away = () => new DomainError('unavailable', 'unavailable', 'Away.');

let clock: number;
let store: MemoryCacheStore;
let loads: number;
let origin: () => Promise<string | undefined>;
beforeAll(() => startTracing());
beforeEach(() => {
  clock = 1_000_000;
  store = new MemoryCacheStore(() => clock);
  loads = 0;
  origin = async () => `value ${loads}`;
});

const open = (changes: Partial<CachePolicy> = {}, of: CacheStore = store) => new Cache(of, { ...policy, ...changes });
const load = () => (loads++, origin());
const read = (cache: Cache, key = 'mug') => cache.read<string>({ key, tags: [`product:${key}`, 'products'], load });
const settled = () => vi.waitFor(() => new Promise((resolve) => setTimeout(resolve, 60)));

/** Holds every load until it is let go. */
function gate() {
  let letGo = (_: string | undefined | Error) => {};
  const held = new Promise<string | undefined>(
    (resolve, reject) => (letGo = (value) => (value instanceof Error ? reject(value) : resolve(value))),
  );
  held.catch(() => undefined);
  origin = () => held;
  return { letGo: (value: string | undefined | Error) => letGo(value) };
}

describe('a value', () => {
  it('is loaded once and used by every instance while it is fresh', async () => {
    const [here, there] = [open(), open()];
    expect(await read(here)).toEqual({ value: 'value 1', ageMs: 0, outcome: 'loaded' });
    clock += 700;
    expect(await read(there)).toEqual({ value: 'value 1', ageMs: 700, outcome: 'hit' });
  });

  it('is fresh for no longer than the policy says, and for some a quarter less: what was loaded together does not run out together', async () => {
    const cache = open({ revalidateMs: 0 });
    for (let n = 0; n < 200; n++) await read(cache, `mug ${n}`);
    clock += 875;
    const outcomes = [];
    for (let n = 0; n < 200; n++) outcomes.push((await read(cache, `mug ${n}`)).outcome);
    const hits = outcomes.filter((outcome) => outcome === 'hit').length;
    expect(hits).toBeGreaterThan(50);
    expect(hits).toBeLessThan(150);
    clock += 1_001;
    expect((await read(cache)).outcome).toBe('loaded');
  });

  it('that is older is given out at once, and loaded anew behind the readers, once for all instances', async () => {
    const [here, there] = [open({ patienceMs: 1 }), open({ patienceMs: 1 })];
    await read(here);
    clock += 2_500;
    const { letGo } = gate();
    const readings = await Promise.all(Array.from({ length: 20 }, (_, n) => read(n % 2 ? here : there)));
    expect(new Set(readings.map(({ value, ageMs, outcome }) => `${value} ${ageMs} ${outcome}`))).toEqual(
      new Set(['value 1 2500 stale']),
    );
    await settled();
    letGo('new');
    await vi.waitFor(async () => expect((await read(here)).value).toBe('new'), { timeout: 10_000 });
    expect(loads).toBe(2);
  });

  it('that is older still is not: its reader waits for the new one', async () => {
    const cache = open();
    await read(cache);
    clock += 3_001;
    expect(await read(cache)).toMatchObject({ value: 'value 2', outcome: 'loaded' });
  });

  it('that does not exist is known not to, for a shorter time', async () => {
    origin = async () => undefined;
    const cache = open();
    await read(cache);
    clock += 374;
    expect(await read(cache)).toMatchObject({ value: undefined, outcome: 'absent' });
    clock += 127;
    expect(await read(cache)).toMatchObject({ value: undefined, outcome: 'loaded' });
  });

  it('that is too large is given to its reader, and not kept', async () => {
    origin = async () => 'x'.repeat(2_000);
    const cache = open({ maxBytes: 1_000 });
    await read(cache);
    expect((await read(cache)).outcome).toBe('loaded');
  });

  it('in the form of another version of the service is not read', async () => {
    await read(open());
    expect((await read(open({ version: 2 }))).outcome).toBe('loaded');
  });

  it('whose key a stranger made long does not make long keys', async () => {
    const keys: string[] = [];
    const spying = Object.assign(Object.create(store) as MemoryCacheStore, {
      look: (key: string) => (keys.push(key), store.look(key, [])),
    });
    await open({}, spying).read({ key: 'x'.repeat(5_000), tags: [], load });
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(100);
  });
});

describe('many readers of what is not there', () => {
  it('ask the origin once, from however many instances', async () => {
    // Nobody runs out of patience here, however slow the machine.
    const caches = [open({ patienceMs: 60_000 }), open({ patienceMs: 60_000 }), open({ patienceMs: 60_000 })];
    const { letGo } = gate();
    const reading = Promise.all(Array.from({ length: 300 }, (_, n) => read(caches[n % 3] as Cache)));
    await settled();
    letGo('once');
    expect(new Set((await reading).map(({ value }) => value))).toEqual(new Set(['once']));
    expect(loads).toBe(1);
  });

  it('wait for a loader that died no longer than their patience, then load for themselves', async () => {
    await store.claim('spec:1:mug', 60_000);
    expect(await read(open())).toMatchObject({ value: 'value 1', outcome: 'loaded' });
  });

  it('all hear of its failure, and nothing is kept of it', async () => {
    const cache = open();
    const { letGo } = gate();
    const reading = Promise.allSettled(Array.from({ length: 10 }, () => read(cache)));
    await settled();
    letGo(new Error('a bug'));
    expect((await reading).map((one) => one.status === 'rejected' && String(one.reason))).toEqual(
      Array(10).fill('Error: a bug'),
    );
    expect(loads).toBe(1);
    origin = async () => 'fine';
    expect((await read(cache)).value).toBe('fine');
  });

  it('have each its own deadline: one that runs out of time takes nothing from the others', async () => {
    const cache = open();
    const { letGo } = gate();
    const held = origin;
    origin = () => (expect(remainingBudget()).toBe(Infinity), held());
    const short = context.with(withDeadline(context.active(), 30), () => read(cache));
    const long = read(cache);
    await expect(short).rejects.toMatchObject({ code: 'deadline-exceeded' });
    letGo('late');
    expect((await long).value).toBe('late');
    expect(loads).toBe(1);
  });
});

describe('an invalidation', () => {
  it('makes the next reader load, wherever it is', async () => {
    const [here, there] = [open(), open()];
    await read(here);
    await there.invalidate(['product:mug']);
    expect(await read(here)).toMatchObject({ value: 'value 2', outcome: 'loaded' });
  });

  it('leaves what has none of its tags', async () => {
    const cache = open();
    await read(cache, 'mug');
    await cache.invalidate(['product:bowl']);
    expect((await read(cache, 'mug')).outcome).toBe('hit');
  });

  it('also outdates what was being loaded: an old value that is written late is not read, not even by who joins', async () => {
    const cache = open();
    const { letGo } = gate();
    const before = read(cache);
    await settled();
    await cache.invalidate(['products']);
    origin = async () => 'new';
    const after = read(cache);
    letGo('old');
    expect([(await before).value, (await after).value, (await read(cache)).value]).toEqual(['old', 'new', 'new']);
  });
});

describe('an origin that fails', () => {
  it('is stood in for by what was kept, up to the age that the policy says', async () => {
    const cache = open();
    await read(cache);
    origin = () => Promise.reject(away());
    clock += 59_000;
    expect(await read(cache)).toMatchObject({ value: 'value 1', ageMs: 59_000, outcome: 'rescued' });
    clock += 3_000;
    await expect(read(cache)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('holds nobody up twice: while it fails, what is old is given out at once', async () => {
    const cache = open();
    await read(cache);
    clock += 10_000;
    origin = () => Promise.reject(away());
    await read(cache);
    gate();
    expect((await read(cache)).outcome).toBe('stale');
  });

  it('is asked behind the readers whether it is back', async () => {
    const cache = open();
    await read(cache);
    clock += 10_000;
    origin = () => Promise.reject(away());
    await read(cache);
    origin = async () => 'back';
    await vi.waitFor(async () => expect((await read(cache)).value).toBe('back'), { timeout: 10_000 });
    clock += 10_000;
    expect((await read(cache)).outcome).toBe('loaded');
  });

  it('also stands by what an invalidation has outdated: old is better than nothing', async () => {
    const cache = open();
    await read(cache);
    await cache.invalidate(['products']);
    origin = () => Promise.reject(away());
    expect(await read(cache)).toMatchObject({ value: 'value 1', outcome: 'rescued' });
  });

  it('by a bug is not covered up', async () => {
    const cache = open();
    await read(cache);
    clock += 10_000;
    origin = () => Promise.reject(new TypeError('a bug'));
    await expect(read(cache)).rejects.toThrow('a bug');
  });
});

describe('a store that fails', () => {
  const broken = new Proxy({}, { get: () => () => Promise.reject(new Error('no store')) }) as CacheStore;

  it('costs readers the cache and nothing else', async () => {
    const cache = open({}, broken);
    expect(await read(cache)).toEqual({ value: 'value 1', ageMs: 0, outcome: 'bypassed' });
    expect((await read(cache)).value).toBe('value 2');
    await cache.invalidate(['products']);
  });

  it('still lets one reader of this process load for those who ask at the same time', async () => {
    const cache = open({}, broken);
    const { letGo } = gate();
    const reading = Promise.all(Array.from({ length: 50 }, () => read(cache)));
    await settled();
    letGo('once');
    await reading;
    expect(loads).toBe(1);
  });

  it('only to take anything new makes nobody wait for a loader that there cannot be', async () => {
    const readOnly = new MemoryCacheStore(() => clock);
    const cache = open({ patienceMs: 60_000 }, readOnly);
    await read(cache);
    Object.assign(
      readOnly,
      Object.fromEntries(
        ['keep', 'claim', 'renew', 'release'].map((method) => [method, () => Promise.reject(new Error('READONLY'))]),
      ),
    );
    expect(await read(cache)).toMatchObject({ value: 'value 1', outcome: 'hit' });
    clock += 1_500;
    expect(await read(cache)).toMatchObject({ value: 'value 1', outcome: 'stale' });
    clock += 5_000;
    expect(await read(cache)).toMatchObject({ value: 'value 2', outcome: 'bypassed' });
  });

  it('while somebody loads does not keep the value from its reader', async () => {
    const dying = new MemoryCacheStore(() => clock);
    const cache = open({}, dying);
    const { letGo } = gate();
    const reading = read(cache);
    await settled();
    Object.assign(
      dying,
      Object.fromEntries(
        ['keep', 'release', 'look', 'claim'].map((method) => [method, () => Promise.reject(new Error('gone'))]),
      ),
    );
    letGo('served');
    expect((await reading).value).toBe('served');
  });

  it('that gives back what nobody can read has nothing', async () => {
    const cache = open();
    await read(cache);
    const { marks } = await store.look('spec:1:mug', ['spec:product:mug', 'spec:products']);
    await store.keep('spec:1:mug', '{"f":', { lifetimeMs: 60_000, tags: [], marks });
    expect((await read(cache)).outcome).toBe('loaded');
  });
});
