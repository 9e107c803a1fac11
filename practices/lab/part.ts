import { failPoint, KafkaBus, type MessageBus } from '@shop/eventing';
import { Database } from '@shop/platform';
import pg from 'pg';
import { NamespacedBus } from './namespaced-bus.ts';

/** Logs go to the round's file; what is expected when processes are killed is only noise there. */
export const log = { info: () => {}, warn: report, error: report };

function report(fields: object, message: string): void {
  console.error(message, fields);
}

/** What a process of an experiment is given by the bench that starts it. */
export interface Part {
  readonly variant: string;
  readonly databaseUrl: string;
  readonly database: Database;
  readonly brokers: readonly string[];
  /**
   * The name that a topic, or a group, of the product has on the broker in this round: for whoever does not go by
   * `bus`.
   */
  named(name: string): string;
  /** Another connection to the round's own topics. */
  bus(): MessageBus;
  /** A place where the kill schedule may end this process. */
  failPoint(name: string): void;
}

const CLOSE_DEADLINE_MS = 10_000;

/** Takes part in the round that started this process. */
export function takePart(): Part {
  const {
    VARIANT: variant = '',
    DATABASE_URL: databaseUrl = '',
    KAFKA_BROKERS: kafka = '',
    NAMESPACE: prefix = '',
    FAIL_POINTS_DIR: folder,
  } = process.env;
  const brokers = kafka.split(',');
  return {
    variant,
    databaseUrl,
    brokers,
    named: (name) => prefix + name,
    database: new Database(databaseUrl, { size: 16, application: 'practice' }),
    bus: () => new NamespacedBus(new KafkaBus({ brokers, clientId: `practice-${process.pid}`, log }), prefix),
    failPoint: (name) => failPoint(folder, name),
  };
}

/** Answers questions until this process is told to end, or the bench is gone. */
export function serve<Question>(answer: (question: Question) => Promise<unknown>, close: () => Promise<unknown>): void {
  const end = () => {
    setTimeout(() => process.exit(1), CLOSE_DEADLINE_MS).unref();
    void close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  answerTo(answer);
}

/** How long a busy machine may keep statements from being through in time. */
const BUSY_MS = 30_000;

/**
 * Says that this process is ready, and answers questions. An error ends it: the bench counts an accident, and the round
 * cannot tell.
 */
export function answerTo<Question>(answer: (question: Question) => Promise<unknown>): void {
  process.on('message', ({ id, text }: { id: number; text: Question }) => {
    void patiently(() => answer(text)).then(
      (value) => process.send?.({ id, answer: value }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.send?.({ ready: true });
}

/**
 * Tries again what Postgres took back because it was not through in time: nothing has happened, and a busy machine is
 * no variant's fault.
 */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const until = Date.now() + BUSY_MS; ; ) {
    try {
      return await work();
    } catch (error) {
      // The server's own word, as the cause of an "unavailable".
      const takenBack = error instanceof Error && error.cause instanceof pg.DatabaseError;
      if (!takenBack || Date.now() > until) throw error;
    }
  }
}
