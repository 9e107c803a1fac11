import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { describeWith } from '@shop/testing';
import { expect, it, vi } from 'vitest';
import { createTopics, wantedTopics } from './topics.ts';

describeWith('kafka', 'the topics of a shop', ({ brokers }) => {
  it('that were made before their state was compacted are compacted by the next start, and left alone by the one after it', async () => {
    const prefix = `spec-${randomUUID().slice(0, 8)}.`;
    const admin = new Admin({ clientId: 'spec', bootstrapBrokers: brokers.split(','), retries: 5, retryDelay: 200 });
    await admin.createTopics({
      topics: [`${prefix}catalog.products`],
      partitions: 3,
      replicas: 1,
      configs: [{ name: 'retention.ms', value: '604800000' }],
    });
    const first = await createTopics(brokers, prefix);
    expect(first.altered).toEqual([`${prefix}catalog.products`]);
    expect(first.made).toHaveLength(wantedTopics.length - 1);
    // A broker tells of a topic, and of its settings, a moment after they were made.
    await vi.waitFor(async () => expect(await createTopics(brokers, prefix)).toEqual({ made: [], altered: [] }), {
      timeout: 20_000,
      interval: 500,
    });
    const [told] = await admin.describeConfigs({
      resources: [
        { resourceType: 2, resourceName: `${prefix}catalog.products`, configurationKeys: ['cleanup.policy'] },
      ],
    });
    expect(told?.configs[0]?.value).toBe('compact');
    // More partitions would move keys: that is not a start's to do.
    expect(
      (await admin.metadata({ topics: [`${prefix}catalog.products`], forceUpdate: true })).topics.get(
        `${prefix}catalog.products`,
      )?.partitionsCount,
    ).toBe(3);
    await admin.deleteTopics({ topics: wantedTopics.map(({ name }) => prefix + name) });
    await admin.close();
  });
});
