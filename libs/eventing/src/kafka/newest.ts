import { Consumer, FetchIsolationLevels, ListOffsetTimestamps, stringDeserializers } from '@platformatic/kafka';
import { PROOF_DEADLINE_MS } from '../bus.ts';
import { answered, connection, type KafkaBusOptions } from './connection.ts';

/**
 * The newest message of a topic's one partition, by a client that joins no group and is gone afterwards: asked for at a
 * start, not for every message.
 */
export async function newestOn(options: KafkaBusOptions, topic: string): Promise<string | undefined> {
  // The client wants a group's name; it never joins it.
  const consumer = new Consumer({
    ...connection(options),
    groupId: 'operator-newest',
    deserializers: stringDeserializers,
    autocommit: false,
    retries: 0,
  });
  try {
    return await answered(PROOF_DEADLINE_MS, `for the newest message of ${topic}`, read(consumer, topic));
  } finally {
    void consumer.close(true).catch(() => {});
  }
}

async function read(consumer: Consumer<string, string, string, string>, topic: string): Promise<string | undefined> {
  const at = async (timestamp: bigint) =>
    (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic)?.[0] ?? 0n;
  const [first, end] = [await at(ListOffsetTimestamps.EARLIEST), await at(ListOffsetTimestamps.LATEST)];
  if (end <= first) return undefined;
  const known = (await consumer.metadata({ topics: [topic] })).topics.get(topic);
  const lead = known?.partitions[0];
  if (!known || !lead) throw new Error(`the broker does not know ${topic}`);
  const place = {
    partition: 0,
    currentLeaderEpoch: lead.leaderEpoch,
    fetchOffset: end - 1n,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1_048_576,
  };
  const { responses } = await consumer.fetch({
    node: lead.leader,
    topics: [{ topicId: known.id, partitions: [place] }],
    maxWaitTime: 500,
    minBytes: 1,
    isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
  });
  const record = responses[0]?.partitions[0]?.records?.at(-1)?.records.at(-1);
  if (!record) throw new Error(`the newest message of ${topic} was not given`);
  return record.value?.toString();
}
