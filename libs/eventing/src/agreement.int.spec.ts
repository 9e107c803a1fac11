import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { agree, Agreement, differences, sentenceOf, termsOf } from './agreement.ts';
import { forgetAgreement } from './operations/forget-agreement.ts';

const { url, ownerUrl } = await freshDatabase('catalog');
const [database, owner] = [
  new Database(url, { size: 4, application: 'spec' }),
  new Database(ownerUrl, { size: 1, application: 'spec' }),
];
afterAll(() => Promise.all([database.close(), owner.close()]));
beforeEach(() => owner.query('DELETE FROM agreement'));

const ours = termsOf({ BUS: 'kafka', KAFKA_CLIENT: 'platformatic', OUTBOX_DRIVER: 'queue' }, true);

describe('what all instances of a service must agree on', () => {
  it('is written by the first, and the same for all that start at once', async () => {
    expect(await Promise.all([agree(database, ours), agree(database, ours), agree(database, ours)])).toEqual([
      [],
      [],
      [],
    ]);
    expect(await owner.query('SELECT term, value FROM agreement ORDER BY term')).toEqual(
      Object.entries(ours)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([term, value]) => ({ term, value })),
    );
  });

  it.each([
    ['outbox driver', 'wal'],
    ['number of shards', '8'],
    ['bus', 'rabbitmq'],
    ['Kafka client', 'kafkajs'],
    ['assignor', 'by subscription, 2'],
    ['topic of catalog.reserve-stock.v1', 'catalog.stock'],
  ])(
    'is contradicted by another %s: that is refused in a sentence with both values and the next step, and changes nothing',
    async (term, value) => {
      await agree(database, ours);
      const found = await agree(database, { ...ours, [term]: value, 'topic of something new': 'x' });
      expect(found).toEqual([{ term, agreed: ours[term], ours: value }]);
      expect(sentenceOf(found)).toContain(`${term} is "${ours[term]}" in this deployment, and "${value}" here`);
      expect(sentenceOf(found)).toContain('npm run events -- agreement forget');
      expect(await owner.query(`SELECT value FROM agreement WHERE term = '${term}'`)).toEqual([{ value: ours[term] }]);
      expect(await owner.query(`SELECT 1 FROM agreement WHERE term = 'topic of something new'`)).toEqual([]);
    },
  );

  it('may grow by what a new version brings, beside one that does not know it yet', async () => {
    await agree(database, ours);
    expect(await agree(database, { ...ours, 'topic of returns.return-asked.v1': 'returns.events' })).toEqual([]);
    expect(await differences(database, ours)).toEqual([]);
  });

  it('keeps an instance that contradicts it from starting', async () => {
    const first = new Agreement(database, ours);
    await first.start();
    expect(first.difference).toBeUndefined();
    await expect(new Agreement(database, { ...ours, 'outbox driver': 'wal' }).start()).rejects.toThrow(
      'outbox driver is "queue" in this deployment, and "wal" here',
    );
    first.stop();
  });

  it('is changed on purpose when nobody runs and nothing waits', async () => {
    await agree(database, ours);
    await expect(forgetAgreement(owner)).rejects.toMatchObject({ code: 'instances-run' });
    await database.close();
    await owner.query(`INSERT INTO outbox (shard, topic, key, payload) VALUES (0, 't', 'k', 'x')`);
    await expect(forgetAgreement(owner)).rejects.toMatchObject({ code: 'messages-wait' });
    await owner.query('DELETE FROM outbox');
    expect(await forgetAgreement(owner)).toBe(Object.keys(ours).length);
    expect(await agree(owner, { ...ours, 'outbox driver': 'wal' })).toEqual([]);
  });
});
