import type { Socket } from 'node:net';
import { connectToPrimary } from '@shop/platform';
import type pg from 'pg';
import { atMost } from './at-most.ts';
import { LOG_PREFIX, PUBLICATION } from './outbox.ts';
import { shardOf } from './outgoing.ts';
import { ReadAhead, type LogBatch } from './read-ahead.ts';
import { HEARTBEAT_MS, SILENT_MS } from './relay.ts';
import { decode, encodeStatus, lsnText, type Lsn } from './wal-protocol.ts';

export interface WalStreamOptions {
  /** A direct connection under a role that may replicate. */
  readonly replicationUrl: string;
  readonly stopping: AbortSignal;
  /** Called whenever the server says something. */
  readonly onHeard: () => void;
}

const CLOSE_DEADLINE_MS = 2_000;

/** What pg's connections can do and its types do not say. */
interface Copying extends NodeJS.EventEmitter {
  readonly stream: Socket;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * The messages that transactions left in the write-ahead log, read from a replication slot by the streaming protocol.
 * The server is told nothing but what `confirm` was given: every second, so that a stopped process loses its slot after
 * SILENT_MS, and at once when it moves. Written against pg itself: pg-logical-replication confirms what it has received
 * when it is idle, and goes on after a handler has failed.
 */
export class WalStream {
  readonly #client: pg.Client;
  readonly #connection: Copying;
  /** Read and not yet taken. */
  readonly ahead = new ReadAhead();
  readonly #stopping: AbortSignal;
  readonly #onHeard: () => void;
  readonly #wake = () => this.#news?.();
  #closing = false;
  #confirmed: Lsn = 0n;
  #saidAt = 0;
  #heardAt = 0;
  /** Of the transaction that is being sent. */
  #committedAt: number | undefined;
  #failure: Error | undefined;
  #news: (() => void) | undefined;
  #nudged = false;
  #heart: NodeJS.Timeout | undefined;
  #copying: Promise<unknown> | undefined;

  private constructor(client: pg.Client, { stopping, onHeard }: WalStreamOptions) {
    this.#client = client;
    this.#connection = client.connection as unknown as Copying;
    this.#stopping = stopping;
    this.#onHeard = onHeard;
    stopping.addEventListener('abort', this.#wake);
    client.on('error', (error) => this.#fail(error));
    client.on('end', () => this.#fail(new Error('the connection to the write-ahead log has ended')));
  }

  static async open(options: WalStreamOptions): Promise<WalStream> {
    const config = {
      replication: 'database',
      application_name: 'relay',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      // Not tcp_user_timeout, too: that ends the session of one who lives and reads no more for a while, because the
      // broker is slow.
      options: `-c wal_sender_timeout=${SILENT_MS}`,
    } as pg.ClientConfig;
    let stream: WalStream | undefined;
    try {
      await connectToPrimary(options.replicationUrl, config, (client) => {
        void stream?.close();
        stream = new WalStream(client, options);
      });
    } catch (error) {
      await stream?.close();
      throw error;
    }
    return stream as WalStream;
  }

  /**
   * Makes the slot, as one that a standby keeps too, and answers where it begins. Waits for every transaction under way
   * on the server.
   */
  async makeSlot(slot: string): Promise<string> {
    const { rows } = await this.#client.query<{ consistent_point: string }>(
      `CREATE_REPLICATION_SLOT ${slot} LOGICAL pgoutput (SNAPSHOT 'nothing', FAILOVER true)`,
    );
    return rows[0]?.consistent_point ?? '0/0';
  }

  /**
   * Begins to read where the slot stands. The slot is this session's own from now on; `next` throws when it could not
   * be had.
   */
  start(slot: string): void {
    this.#connection.on('copyData', ({ chunk }: { chunk: Buffer }) => this.#hear(chunk));
    this.#connection.once('replicationStart', () => {
      this.#heardAt = performance.now();
      this.#say();
      this.#heart = setInterval(() => this.#beat(), HEARTBEAT_MS);
    });
    this.#copying = this.#client.query(
      `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names '${PUBLICATION}', messages 'true')`,
    );
    this.#copying.then(
      () => this.#fail(new Error('the server has ended the stream')),
      (error: Error) => this.#fail(error),
    );
  }

  /**
   * The next messages, or a place that was reached without any. Resolves with nothing when told to stop; throws when
   * the stream is broken.
   */
  async next(): Promise<LogBatch> {
    while (!this.ahead.isReady && !this.#nudged && !this.#stopping.aborted && !this.#failure)
      await new Promise<void>((resolve) => (this.#news = resolve));
    if (this.#stoodStill()) this.#fail(stoodStill());
    if (this.#failure) throw this.#failure;
    this.#nudged = false;
    const batch = this.#stopping.aborted ? { messages: [], upTo: undefined } : this.ahead.take();
    if (!this.ahead.isFull) this.#connection.stream.resume();
    return batch;
  }

  /** Has `next` resolve now, if need be with nothing. */
  nudge(): void {
    this.#nudged = true;
    this.#news?.();
  }

  /** Everything up to there is published: it may be forgotten. */
  confirm(upTo: Lsn): void {
    this.#confirmed = upTo;
    this.#say();
  }

  /** Gives the slot back. */
  async close(): Promise<void> {
    clearInterval(this.#heart);
    this.#stopping.removeEventListener('abort', this.#wake);
    this.#closing = true;
    if (this.#copying && !this.#failure) {
      this.#connection.stream.resume();
      this.#connection.endCopyFrom();
      await atMost(CLOSE_DEADLINE_MS, this.#copying);
    }
    await atMost(CLOSE_DEADLINE_MS, this.#client.end());
  }

  #hear(chunk: Buffer): void {
    if (this.#closing) return;
    this.#heardAt = performance.now();
    this.#onHeard();
    const frame = decode(chunk);
    if (frame?.kind === 'begin') this.#committedAt = frame.at;
    if (frame?.kind === 'message' && frame.prefix === LOG_PREFIX) this.#keep(frame.place, frame.content);
    if (frame?.kind === 'commit') this.#committedAt = undefined;
    // The server may say that it lives amid a transaction, of which then more is to come.
    if ((frame?.kind === 'commit' || frame?.kind === 'alive') && this.#committedAt === undefined)
      this.ahead.reached(frame.end);
    if (frame?.kind === 'alive' && frame.answer) this.#say();
    if (this.ahead.isReady) this.#news?.();
  }

  #keep(place: Lsn, content: string): void {
    const line = content.indexOf('\n');
    const [topic, key] = addressOf(content.slice(0, line));
    if (topic === undefined || key === undefined)
      return this.#fail(
        new Error(`the message at ${lsnText(place)} of the log has our prefix, but was not left by our outbox`),
      );
    this.ahead.add({
      shard: shardOf(key),
      id: String(place),
      topic,
      key,
      payload: content.slice(line + 1),
      committedAt: this.#committedAt ?? Date.now(),
      readAt: performance.now(),
    });
    if (this.ahead.isFull) this.#connection.stream.pause();
  }

  #beat(): void {
    const silent = performance.now() - this.#heardAt;
    if (this.#stoodStill()) return this.#fail(stoodStill());
    if (silent > 2 * SILENT_MS && !this.#connection.stream.isPaused())
      return this.#fail(new Error(`the server has said nothing for ${Math.round(silent)} ms`));
    this.#say(true);
  }

  /**
   * A process that was stopped and goes on may have lost its slot and not know it yet: what it holds is another's to
   * publish.
   */
  #stoodStill(): boolean {
    return this.#saidAt > 0 && performance.now() - this.#saidAt > SILENT_MS - HEARTBEAT_MS;
  }

  #say(ping = false): void {
    this.#saidAt = performance.now();
    this.#connection.sendCopyFromChunk(encodeStatus(this.#confirmed, ping));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    clearInterval(this.#heart);
    this.#news?.();
  }
}

const stoodStill = () => new Error("this process stood still for so long that its slot may be another one's");

/** What leaveInLog has written before the payload. */
function addressOf(line: string): string[] {
  try {
    return JSON.parse(line) as string[];
  } catch {
    return [];
  }
}
