import { fold, type Decider } from '@shop/kernel';
import { PreconditionFailed } from '@shop/platform';
import { VersionConflict, type IdempotencyRow } from './append.ts';
import type { EventStore } from './event-store.ts';
import type { InboxRow } from './claims.ts';
import type { Outgoing } from './outgoing.ts';

/** Attempts before a stream that everybody writes to is given up; the caller gets the conflict. */
const ATTEMPTS = 8;

/** What the shell must know of a decider to run it: what to tell others, and what is awaited. All of it pure. */
export interface Process<State, Command, Event extends { type: string }> {
  readonly decider: Decider<State, Command, Event>;
  /** Messages that follow from an event: `state` is the state after it, `version` its place in the stream. */
  announce(event: Event, state: State, version: number): readonly Outgoing[];
  /** When it is looked whether what is awaited has come, in ms from now; nothing when nothing is awaited any more. */
  patience(state: State): number | undefined;
  /**
   * When the version before gives a stream in this state up, in ms from now; nothing: never. For as long as it may run
   * beside this one.
   */
  givesUpAfter?(state: State): number | undefined;
  /** The steps whose answers are awaited in this state (awaited-answers.ts); none unless said. */
  awaits?(state: State): readonly string[];
}

export interface HandleOptions<State> {
  /** ISO 8601; the time the events are recorded with. */
  readonly at: string;
  /** The caller's If-Match, one version or several: any other is refused instead of retried. */
  readonly ifVersion?: number | readonly number[];
  readonly inbox?: InboxRow;
  /** The answer to keep, from the state and version the command leads to. */
  readonly idempotency?: (state: State, version: number) => IdempotencyRow;
}

export interface Handled<State> {
  readonly state: State;
  readonly version: number;
}

/**
 * Loads a stream, decides, and appends everything that follows in one statement. A version conflict starts over, which
 * is safe because deciding is pure. A command that changes nothing appends nothing, but a message that caused it is
 * noted as handled.
 */
export async function handleCommand<State, Command, Event extends { type: string }>(
  store: EventStore,
  process: Process<State, Command, Event>,
  stream: string,
  command: Command,
  options: HandleOptions<State>,
): Promise<Handled<State>> {
  const { decider } = process;
  for (let attempt = 1; ; attempt++) {
    const recorded = await store.load<Event>(stream);
    const before = fold(
      decider,
      recorded.map((one) => one.event),
    );
    if (options.ifVersion !== undefined && ![options.ifVersion].flat().includes(recorded.length))
      throw new PreconditionFailed();
    const events = decider.decide(before, command);
    if (events.length === 0) {
      if (options.inbox) await store.acknowledge(options.inbox);
      return { state: before, version: recorded.length };
    }
    try {
      return await append(store, process, { stream, before, version: recorded.length, events }, options);
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
      if (options.ifVersion !== undefined) throw new PreconditionFailed();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** For a stream that does not exist yet: nothing to load. Throws VersionConflict when it does exist. */
export async function startStream<State, Command, Event extends { type: string }>(
  store: EventStore,
  process: Process<State, Command, Event>,
  stream: string,
  command: Command,
  options: HandleOptions<State>,
): Promise<Handled<State>> {
  const before = process.decider.initial;
  return append(
    store,
    process,
    { stream, before, version: 0, events: process.decider.decide(before, command) },
    options,
  );
}

async function append<State, Command, Event extends { type: string }>(
  store: EventStore,
  process: Process<State, Command, Event>,
  decision: { stream: string; before: State; version: number; events: readonly Event[] },
  options: HandleOptions<State>,
): Promise<Handled<State>> {
  let { before: state, version } = decision;
  const messages: Outgoing[] = [];
  for (const event of decision.events) {
    state = process.decider.evolve(state, event);
    messages.push(...process.announce(event, state, ++version));
  }
  await store.append({
    stream: decision.stream,
    expectedVersion: decision.version,
    events: decision.events,
    recordedAt: options.at,
    messages,
    inbox: options.inbox,
    idempotency: options.idempotency?.(state, version),
    lookInMs: process.patience(state),
    givenUpInMs: process.givesUpAfter?.(state),
    awaited: process.awaits?.(state),
  });
  return { state, version };
}
