import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';
import { assign } from '../kafka/assignor.ts';

/**
 * The assignor as kafkajs takes it, by the name of the one that comes with kafkajs: members of a group share a name,
 * and those of the version before this one know no other. Who leads the group asks for the partitions of all topics
 * that its members want, also of those that it does not know itself.
 */
export const bySubscription: PartitionAssigner = ({ cluster }) => ({
  name: 'RoundRobinAssigner',
  version: 0,
  async assign({ members }) {
    const subscribers = members.map(({ memberId, memberMetadata }) => ({
      id: memberId,
      topics: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
    }));
    const topics = [...new Set(subscribers.flatMap((subscriber) => subscriber.topics))];
    await cluster.addMultipleTargetTopics(topics);
    const assignment = assign(
      subscribers,
      new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length])),
    );
    return [...assignment].map(([memberId, own]) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment: Object.fromEntries([...own].map(([topic, partitions]) => [topic, [...partitions]])),
        userData: Buffer.alloc(0),
      }),
    }));
  },
  protocol: ({ topics }) => ({
    name: 'RoundRobinAssigner',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
});
