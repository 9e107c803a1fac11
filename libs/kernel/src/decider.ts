/**
 * A decision as three pure values (Jérémie Chassaing's Decider): what is true before anything happened, what follows
 * from a command, and what an event changes. `decide` may throw a DomainError and may return nothing: said twice is not
 * an error.
 */
export interface Decider<State, Command, Event> {
  readonly initial: State;
  decide(state: State, command: Command): readonly Event[];
  evolve(state: State, event: Event): State;
}

/** The state after `events`, oldest first. */
export function fold<State, Event>(
  decider: Pick<Decider<State, never, Event>, 'initial' | 'evolve'>,
  events: Iterable<Event>,
  from: State = decider.initial,
): State {
  let state = from;
  for (const event of events) state = decider.evolve(state, event);
  return state;
}
