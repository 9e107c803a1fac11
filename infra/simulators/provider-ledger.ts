import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const ledgerRow = z.object({
  number: z.int(),
  at: z.iso.datetime(),
  entry: z.enum(['authorisation', 'decline', 'capture', 'void']),
  authorisationId: z.string(),
  /** The merchant's own name for what is paid; the shop sends its order id. */
  reference: z.string(),
  /** Integer minor units. */
  amount: z.int(),
  currency: z.string(),
  lastFour: z.string(),
  /** Why it was declined. */
  reason: z.string().optional(),
  idempotencyKey: z.string(),
  /** Hash of the request that came with the key: the same key with another request is refused. */
  fingerprint: z.string(),
});
/** One thing the provider did, for ever. */
export type LedgerRow = z.infer<typeof ledgerRow>;
export type AuthorisationStatus = 'authorised' | 'captured' | 'voided';

const statusAfter = { authorisation: 'authorised', capture: 'captured', void: 'voided' } as const;

/**
 * What the provider did, as an append-only file of JSON lines; everything else it knows is read from there at start,
 * idempotency keys included. A row is written with one synchronous call: two requests never interleave, and what was
 * answered was written.
 */
export class Ledger {
  private readonly all: LedgerRow[] = [];
  private readonly byKey = new Map<string, LedgerRow>();
  private readonly byReference = new Map<string, LedgerRow[]>();
  private readonly authorisations = new Map<string, { row: LedgerRow; status: AuthorisationStatus }>();
  private readonly file: number;

  /** Opens, or begins, the ledger in a folder. A last line cut off by a kill was never answered for and is dropped. */
  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    const path = join(dir, 'ledger.jsonl');
    this.file = openSync(path, 'a+', 0o600);
    const text = readFileSync(path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
    for (const line of whole.split('\n')) if (line) this.remember(ledgerRow.parse(JSON.parse(line)));
  }

  /** What was done for this key before. */
  answered(idempotencyKey: string): LedgerRow | undefined {
    return this.byKey.get(idempotencyKey);
  }

  /** An authorisation and what became of it. */
  authorisation(id: string) {
    return this.authorisations.get(id);
  }

  /** Oldest first; of one reference or of all. */
  rows(reference?: string): readonly LedgerRow[] {
    return reference === undefined ? this.all : (this.byReference.get(reference) ?? []);
  }

  append(row: Omit<LedgerRow, 'number' | 'at'>): LedgerRow {
    const written = { number: this.all.length + 1, at: new Date().toISOString(), ...row };
    writeSync(this.file, `${JSON.stringify(written)}\n`);
    this.remember(written);
    return written;
  }

  close(): void {
    closeSync(this.file);
  }

  private remember(row: LedgerRow): void {
    this.all.push(row);
    this.byKey.set(row.idempotencyKey, row);
    const same = this.byReference.get(row.reference);
    if (same) same.push(row);
    else this.byReference.set(row.reference, [row]);
    if (row.entry !== 'decline') this.authorisations.set(row.authorisationId, { row, status: statusAfter[row.entry] });
  }
}
