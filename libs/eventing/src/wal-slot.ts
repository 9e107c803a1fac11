import pg from 'pg';
import { lsnOf, type Lsn } from './wal-protocol.ts';

/**
 * What the log held for us may be gone, or was never to be found there: a person has to decide. The message is for
 * them.
 */
export class SlotLost extends Error {
  override readonly name = 'SlotLost';
}

/** The replication slot as it was left. */
export interface Slot {
  readonly name: string;
  /** Up to here everything is on the bus. */
  readonly position: Lsn;
  /** Whether nobody reads it. */
  readonly free: boolean;
  /** Where it stands, as the server knows it, and where the log ends now. */
  readonly stands: Lsn;
  readonly head: Lsn;
}

interface Look {
  readonly name: string;
  /** Where it was left, as we wrote it down; null when it never was. */
  readonly left: string | null;
  readonly rows: boolean;
  readonly exists: boolean;
  readonly active: boolean | null;
  readonly stands: string | null;
  readonly head: string;
  readonly invalid: string | null;
}

/**
 * The books are read by the statement's snapshot, the slot after it: who makes one writes the books last, so books
 * without a slot mean that it is gone.
 */
const LOOK = `
  SELECT named.slot AS name, (SELECT position::text FROM outbox_slot) AS left, EXISTS (SELECT 1 FROM outbox) AS rows,
         s.slot_name IS NOT NULL AS exists, s.active, s.confirmed_flush_lsn::text AS stands, pg_current_wal_lsn()::text AS head,
         coalesce(s.invalidation_reason, CASE s.wal_status WHEN 'lost' THEN 'its log is gone' END) AS invalid
  FROM (SELECT left('outbox_' || regexp_replace(lower(current_database()), '[^a-z0-9_]', '_', 'g'), 63) AS slot) AS named
  LEFT JOIN pg_replication_slots s ON s.slot_name = named.slot AND s.database = current_database()`;

/**
 * Looks at this database's slot. One that has never been is made; one that is missing, of no use, or further than it
 * was left is SlotLost. Resolves with nothing while another instance is making it.
 */
export async function lookAtSlot(books: pg.Client, make: (name: string) => Promise<string>): Promise<Slot | undefined> {
  const look = await read(books);
  const { name, left, stands, exists, active } = look;
  const head = lsnOf(look.head);
  if (left !== null) {
    // One who read the slot may have written the books, moved it and gone, all while we looked: then a second look
    // agrees.
    if (lossOf(look) !== undefined && lossOf(await read(books)) !== undefined) throw new SlotLost(lossOf(look));
    return { name, position: lsnOf(left), free: active === false, stands: lsnOf(stands ?? left), head };
  }
  if (look.rows)
    throw new SlotLost(
      'Messages still wait in the table "outbox": run with OUTBOX_DRIVER=queue until it is empty, then stop, then start with OUTBOX_DRIVER=wal.',
    );
  if (exists && (active || stands === null)) return undefined;
  const position = stands ?? (await made(name, make));
  if (position === undefined) return undefined;
  await books.query('INSERT INTO outbox_slot (slot, position) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    name,
    position,
  ]);
  return { name, position: lsnOf(position), free: true, stands: lsnOf(position), head };
}

async function read(books: pg.Client): Promise<Look> {
  const { rows } = await books.query<Look>({ name: 'slot-look', text: LOOK });
  return rows[0] as Look;
}

function lossOf({ name, left, stands, exists, active, invalid }: Look): string | undefined {
  const then = 'Messages committed since may be lost: see docs/adr/0015, "When the slot is lost".';
  if (!exists) return `The replication slot ${name} is missing; it was last at ${left}. ${then}`;
  if (invalid !== null) return `The replication slot ${name} can no longer be read: ${invalid}. ${then}`;
  if (!active && stands !== null && lsnOf(stands) > lsnOf(left ?? '0/0'))
    return `The replication slot ${name} is at ${stands}, but was left at ${left}: somebody has moved it or made it again. ${then}`;
  return undefined;
}

/** Resolves with nothing when another instance was quicker. */
async function made(name: string, make: (name: string) => Promise<string>): Promise<string | undefined> {
  try {
    return await make(name);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '42710') return undefined; // duplicate_object
    throw error;
  }
}
