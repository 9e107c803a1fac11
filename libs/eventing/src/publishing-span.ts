import { tellOfSending } from '@shop/platform';
import type { OutboxRow } from './outgoing.ts';

/**
 * The envelope comes first and holds no braces, so what is found is the message's own and nothing in its data; only of
 * a trace that is kept.
 */
const kept = /"id":"([^"]+)"[^{}]*"time":"([^"]+)"[^{}]*"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-01)"/;

/**
 * A message is on the bus: tells so in its trace, as a span from its writing to its acknowledgement, which is the time
 * it spent in the outbox. Its readers are below the work that wrote it, as this span is; who carried it is nobody's
 * parent, so a message is sealed only once.
 */
export function tellOfPublishing({ topic, key, payload }: Pick<OutboxRow, 'topic' | 'key' | 'payload'>): void {
  const [, id, time, traceparent] = kept.exec(payload) ?? [];
  if (id === undefined || time === undefined || traceparent === undefined) return;
  tellOfSending(traceparent, `${topic} publish`, {
    since: new Date(time),
    attributes: {
      'messaging.operation.type': 'send',
      'messaging.destination.name': topic,
      'messaging.message.id': id,
      'messaging.message.key': key,
    },
  });
}
