import { Partitioners } from 'kafkajs';

const place = Partitioners.DefaultPartitioner();

/** Where Kafka's own clients put a key on a topic of so many partitions. */
export function partitionOf(key: string, count: number): number {
  const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
    partitionId,
    leader: 1,
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
  }));
  return place({ topic: '', partitionMetadata, message: { key, value: null } });
}
