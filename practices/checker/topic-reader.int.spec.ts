import { randomUUID } from 'node:crypto';
import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findingsOf } from './findings.ts';
import { clientOf, makeTopics } from './kafka.ts';
import { isReadToTheEnd, TopicReader } from './topic-reader.ts';

describeWith('kafka', 'the reader of a topic', ({ brokers }) => {
  const topic = `checker-${randomUUID()}`;
  const kafka = clientOf(brokers);
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  const message = (subject: string, sequence: number) => ({
    key: subject,
    value: JSON.stringify({
      specversion: '1.0',
      id: randomUUID(),
      source: '/spec',
      type: 'spec.happened.v1',
      subject,
      sequence: String(sequence),
      time: new Date().toISOString(),
      data: {},
    }),
  });

  beforeAll(async () => {
    await Promise.all([admin.connect(), producer.connect()]);
    await makeTopics(admin, [topic], 3);
  });
  afterAll(async () => {
    await admin.deleteTopics({ topics: [topic] });
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  });

  it('sees a loss, a double and an inversion that were put on a real topic, and what is no event', async () => {
    const happened = ['a', 'b', 'c'].flatMap((key) => [1, 2, 3].map((sequence) => ({ key, sequence })));
    const lost = [message('a', 1), message('a', 3)];
    const doubled = [message('b', 1), message('b', 2), message('b', 2), message('b', 3)];
    const inverted = [message('c', 1), message('c', 3), message('c', 2)];
    await producer.send({ topic, messages: [...lost, ...doubled, ...inverted, { key: 'a', value: 'noise' }] });

    const reader = await TopicReader.open(brokers, topic);
    await reader.settled(happened.length, 3_000);
    await reader.close();
    expect(findingsOf(happened, reader.seen)).toEqual({
      happened: 9,
      lost: 1,
      doubled: 1,
      inverted: 1,
      invented: 0,
      cases: ['lost a #2', 'doubled b #2', 'inverted c #2'],
    });
    expect(reader.unreadable).toBe(1);
  });

  it('does not take a group that has read nothing for one that is through', async () => {
    expect(await isReadToTheEnd(admin, 'nobody', topic, 300)).toBe(false);
  });
});
