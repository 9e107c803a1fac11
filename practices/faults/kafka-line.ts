import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * Request kinds of Kafka's protocol: the one that carries messages, and those whose answers name a broker's address.
 */
const PRODUCE = 0;
const NAMING = new Set([3, 10, 60]);
/** From this version on, a Produce request has compact strings and tagged fields. */
const COMPACT_SINCE = 9;

/** NOT_ENOUGH_REPLICAS: what a broker answers for a partition that it may not write to now. */
const NOT_NOW = 19;

type Which = (topic: string, partition: number) => boolean;
interface Place {
  readonly topic: string;
  readonly partition: number;
}

/**
 * A line to a broker of Kafka that refuses or swallows produce requests for some partitions. The broker's answers name
 * this line as its address, so that a client which has begun here stays here. Like a broker that waits for its
 * replicas, it answers nothing more on a connection on which it owes an answer.
 */
export class KafkaLine {
  /** Produce requests that were swallowed or refused since it was last told to. */
  hits = 0;
  #ill: Which = () => false;
  #ailment: 'silent' | 'refusing' = 'silent';
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #far: { readonly host: string; readonly port: number };

  private constructor(server: Server, broker: string) {
    const colon = broker.lastIndexOf(':');
    this.#far = { host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
    this.#server = server.on('connection', (near) => this.#join(near));
  }

  /** `broker`: host:port as the broker itself advertises it. */
  static async to(broker: string): Promise<KafkaLine> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new KafkaLine(server, broker);
  }

  /** Where clients begin: host:port. */
  get brokers(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * From now on produce requests with a message for one of these never reach the broker. `silent`: they are never
   * answered. `refusing`: all that is in them is answered with an error that may pass.
   */
  fallIll(ailment: 'silent' | 'refusing', which: Which): void {
    [this.#ailment, this.#ill, this.hits] = [ailment, which, 0];
  }

  /**
   * Well again. What was swallowed is lost, and connections that owe an answer stay silent until their client gives
   * them up.
   */
  recover(): void {
    this.#ill = () => false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    const far = connect(this.#far.port, this.#far.host);
    const naming = new Set<number>();
    let owes = false;
    frames(near, (frame) => {
      const [kind, correlation] = [frame.readInt16BE(4), frame.readInt32BE(8)];
      const places = kind === PRODUCE && !owes ? partitionsOf(frame) : [];
      if (places.some(({ topic, partition }) => this.#ill(topic, partition))) {
        this.hits++;
        if (this.#ailment === 'refusing') return void near.write(refusal(frame, places));
        owes = true;
      }
      if (owes) return;
      if (NAMING.has(kind)) naming.add(correlation);
      far.write(frame);
    });
    frames(far, (frame) => near.write(naming.delete(frame.readInt32BE(4)) ? this.#renamed(frame) : frame));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one.setNoDelay(true));
      one.on('error', () => other.destroy());
      one.on('close', () => (this.#sockets.delete(one), other.destroy()));
    }
  }

  /** The broker's address as this line's: the same host, and a port of as many bytes. */
  #renamed(frame: Buffer): Buffer {
    const { host, port } = this.#far;
    const [theirs, ours] = [port, this.#port].map((each) => Buffer.concat([Buffer.from(host), int32(each)])) as [
      Buffer,
      Buffer,
    ];
    const renamed = Buffer.from(frame);
    for (let at = renamed.indexOf(theirs); at >= 0; at = renamed.indexOf(theirs, at + 1)) ours.copy(renamed, at);
    return renamed;
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Hands on whole requests or answers, each with its length before it. */
function frames(from: Socket, pass: (frame: Buffer) => void): void {
  let kept: Buffer = Buffer.alloc(0);
  from.on('data', (piece: Buffer) => {
    kept = kept.length === 0 ? piece : Buffer.concat([kept, piece]);
    for (let end; kept.length >= 4 && kept.length >= (end = 4 + kept.readInt32BE(0)); kept = kept.subarray(end))
      pass(kept.subarray(0, end));
  });
}

/** The partitions that a Produce request has messages for. */
function partitionsOf(request: Buffer): Place[] {
  const compact = request.readInt16BE(6) >= COMPACT_SINCE;
  let at = 12;
  const int = (bytes: 2 | 4) => (at += bytes) && request.readIntBE(at - bytes, bytes);
  const varint = () => {
    for (let [value, shift] = [0, 0]; ; shift += 7) {
      const byte = request[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const length = (bytes: 2 | 4) => (compact ? varint() - 1 : int(bytes));
  const skip = (bytes: number) => void (at += Math.max(0, bytes));
  const tags = () => {
    for (let left = compact ? varint() : 0; left > 0; left--) {
      varint();
      skip(varint());
    }
  };
  skip(int(2)); // the name of the client, which is never compact
  tags();
  skip(length(2)); // the transaction
  skip(2 + 4); // acks, timeout
  const found: Place[] = [];
  for (let topics = length(4); topics > 0; topics--) {
    const size = length(2);
    const topic = request.toString('utf8', at, at + size);
    skip(size);
    for (let partitions = length(4); partitions > 0; partitions--) {
      found.push({ topic, partition: int(4) });
      skip(length(4));
      tags();
    }
    tags();
  }
  return found;
}

/** The answer to a Produce request of which nothing was taken. */
function refusal(request: Buffer, places: readonly Place[]): Buffer {
  const version = request.readInt16BE(6);
  const compact = version >= COMPACT_SINCE;
  const count = (length: number) => (compact ? varint(length + 1) : int32(length));
  const tags = compact ? [Buffer.of(0)] : [];
  const text = (of: string) => [
    compact ? varint(of.length + 1) : Buffer.of(of.length >> 8, of.length & 0xff),
    Buffer.from(of),
  ];
  const nothing = Buffer.alloc(8, 0xff);
  const topics = [...Map.groupBy(places, ({ topic }) => topic)];
  const partition = ({ partition: index }: Place) => [
    ...[int32(index), Buffer.of(0, NOT_NOW), nothing, nothing],
    ...(version >= 5 ? [nothing] : []),
    // No record is at fault more than another, and there is nothing to add.
    ...(version >= 8 ? [count(0), compact ? Buffer.of(0) : Buffer.of(0xff, 0xff)] : []),
    ...tags,
  ];
  const body = Buffer.concat([
    ...[request.subarray(8, 12), ...tags, count(topics.length)],
    ...topics.flatMap(([topic, some]) => [...text(topic), count(some.length), ...some.flatMap(partition), ...tags]),
    ...[int32(0), ...tags],
  ]);
  return Buffer.concat([int32(body.length), body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.of(...bytes, left);
    bytes.push((left & 0x7f) | 0x80);
  }
}
