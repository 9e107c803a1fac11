import { DomainError } from './domain-error.ts';

type Data = Readonly<Record<string, unknown>>;

/**
 * Lifts what events of one type carry from one form to the next. It can only rearrange: what was not recorded then
 * cannot be made up now.
 */
export type Upcast = (data: Data) => Data;

/**
 * By event type, its upcasts in order: the first makes version 2 of version 1. A type that is not named has had one
 * form only.
 */
export type Upcasters = Readonly<Record<string, readonly Upcast[]>>;

/** An event as it was stored, in whatever form was today's then. */
export interface StoredEvent {
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: object;
}

/** The form in which events of this type are written today. */
export const schemaVersionOf = (type: string, upcasters: Upcasters): number => (upcasters[type]?.length ?? 0) + 1;

/**
 * The event in today's form. Throws `unavailable` for a form that is newer than this code, as an instance meets it
 * while the next version is being deployed beside it: to guess would be to decide on what was misread.
 */
export function upcast<E extends { type: string }>(
  { type, schemaVersion, data }: StoredEvent,
  upcasters: Upcasters,
): E {
  const today = schemaVersionOf(type, upcasters);
  if (schemaVersion > today) {
    throw new DomainError(
      'unavailable',
      'event-too-new',
      `${type} is stored in form ${schemaVersion}, and this version of the service reads up to ${today}. Try again.`,
    );
  }
  const steps = upcasters[type]?.slice(schemaVersion - 1) ?? [];
  return { type, ...steps.reduce((lifted, step) => step(lifted), data as Data) } as unknown as E;
}
