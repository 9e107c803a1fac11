import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { CacheStore } from './cache-store.ts';

export interface StoreUnderTest {
  readonly name: string;
  /** The same store, as another instance of the service sees it. */
  open(): CacheStore;
  /** Makes the store forget a tag, as one that is full may. */
  forget(tag: string): Promise<void>;
}

/** What every adapter of CacheStore promises. */
export function cacheStoreContract({ name, open, forget }: StoreUnderTest): void {
  describe(`${name} as a store of a cache`, () => {
    const here = open();
    const there = open();
    const fresh = () => ({ key: `key-${randomUUID()}`, tags: [`tag-${randomUUID()}`, `tag-${randomUUID()}`] });
    const minute = 60_000;

    it('gives back what was kept, to every instance, and says how old it is', async () => {
      const { key, tags } = fresh();
      const { marks } = await here.look(key, tags);
      await here.keep(key, '{"grüße": "\\n\u{1f600}"}\n', { lifetimeMs: minute, tags, marks });
      const { found } = await there.look(key, tags);
      expect(found).toMatchObject({ text: '{"grüße": "\\n\u{1f600}"}\n', current: true });
      expect(found?.ageMs).toBeLessThan(minute / 2);
      await sleep(30);
      expect((await there.look(key, tags)).found?.ageMs).toBeGreaterThanOrEqual((found?.ageMs ?? 0) + 20);
    });

    it('has nothing where nothing was kept, and nothing after its lifetime', async () => {
      const { key, tags } = fresh();
      const { found, marks } = await here.look(key, tags);
      expect([found, marks.length]).toEqual([undefined, 2]);
      await here.keep(key, 'x', { lifetimeMs: 40, tags, marks });
      await vi.waitFor(async () => expect((await here.look(key, tags)).found).toBeUndefined(), {
        timeout: 10_000,
        interval: 10,
      });
    });

    it('keeps a text without tags', async () => {
      const { key } = fresh();
      await here.keep(key, 'x', { lifetimeMs: minute, tags: [], marks: [] });
      expect((await there.look(key, [])).found).toMatchObject({ text: 'x', current: true });
    });

    it('outdates what was loaded before one of its tags was renewed, and leaves everything else', async () => {
      const [one, other] = [fresh(), fresh()];
      for (const { key, tags } of [one, other])
        await here.keep(key, 'old', { lifetimeMs: minute, tags, marks: (await here.look(key, tags)).marks });
      await there.renew([one.tags[1] ?? '']);
      expect((await here.look(one.key, one.tags)).found).toMatchObject({ text: 'old', current: false });
      expect((await here.look(other.key, other.tags)).found).toMatchObject({ text: 'old', current: true });
    });

    it('outdates from the start what was loaded before and is kept after: read old, renew, write old', async () => {
      const { key, tags } = fresh();
      const { marks } = await here.look(key, tags);
      await there.renew(tags.slice(0, 1));
      await here.keep(key, 'old', { lifetimeMs: minute, tags, marks });
      expect((await there.look(key, tags)).found?.current).toBe(false);
      await here.keep(key, 'new', { lifetimeMs: minute, tags, marks: (await here.look(key, tags)).marks });
      expect((await there.look(key, tags)).found).toMatchObject({ text: 'new', current: true });
    });

    it('outdates what is kept under a tag that it has forgotten, for good', async () => {
      const { key, tags } = fresh();
      await here.keep(key, 'x', { lifetimeMs: minute, tags, marks: (await here.look(key, tags)).marks });
      for (let time = 0; time < 2; time++) {
        await forget(tags[0] ?? '');
        expect((await there.look(key, tags)).found?.current).toBe(false);
      }
    });

    it('shows the same marks to whoever looks at once', async () => {
      const { key, tags } = fresh();
      const sights = await Promise.all([here, there, here, there].map((store) => store.look(key, tags)));
      expect(new Set(sights.map(({ marks }) => marks.join())).size).toBe(1);
    });

    it('gives the right to load to one, until it comes back or runs out', async () => {
      const { key } = fresh();
      const claims = await Promise.all([here, there, here].map((store) => store.claim(key, minute)));
      const [token = ''] = claims.filter((claim) => claim !== undefined);
      expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
      await there.release(key, 'of somebody else');
      expect(await there.claim(key, minute)).toBeUndefined();
      await there.release(key, token);
      expect(await there.claim(key, 40)).toBeDefined();
      await vi.waitFor(async () => expect(await here.claim(key, minute)).toBeDefined(), {
        timeout: 10_000,
        interval: 10,
      });
    });
  });
}
