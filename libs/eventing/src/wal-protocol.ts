/** A place in the write-ahead log, in bytes. */
export type Lsn = bigint;

/**
 * What the server sends while it streams its write-ahead log (protocol of streaming replication, with messages of
 * pgoutput, version 1): transactions in commit order, each from its begin to its commit, and between whiles that it
 * lives. The rest is none of ours.
 */
export type Frame =
  /** `at`: when the transaction was committed, in ms since 1970. */
  | { readonly kind: 'begin'; readonly at: number }
  | { readonly kind: 'message'; readonly place: Lsn; readonly prefix: string; readonly content: string }
  | { readonly kind: 'commit'; readonly end: Lsn }
  /** Everything before `end` has been sent. `answer`: the server wants to know whether we live. */
  | { readonly kind: 'alive'; readonly end: Lsn; readonly answer: boolean };

/** Between 1970 and 2000, in ms: where Postgres counts from. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** XLogData is 'w', start, end, time, then a message of pgoutput; a keep-alive is 'k', end, time, whether to answer. */
export function decode(chunk: Buffer): Frame | undefined {
  const kind = String.fromCharCode(chunk[0] ?? 0);
  if (kind === 'k') return { kind: 'alive', end: chunk.readBigUInt64BE(1), answer: chunk[17] === 1 };
  return kind === 'w' ? decodeOutput(chunk.subarray(25)) : undefined;
}

/** 'B': end, time. 'M': flags, place, prefix, length, content. 'C': flags, start, end. */
function decodeOutput(body: Buffer): Frame | undefined {
  switch (String.fromCharCode(body[0] ?? 0)) {
    case 'B':
      return { kind: 'begin', at: POSTGRES_EPOCH_MS + Number(body.readBigInt64BE(9) / 1_000n) };
    case 'M': {
      const prefixEnd = body.indexOf(0, 10);
      return {
        kind: 'message',
        place: body.readBigUInt64BE(2),
        prefix: body.toString('utf8', 10, prefixEnd),
        content: body.toString('utf8', prefixEnd + 5),
      };
    }
    case 'C':
      return { kind: 'commit', end: body.readBigUInt64BE(10) };
    default:
      return undefined;
  }
}

/**
 * Standby status is 'r', written, flushed, applied, time, whether to answer: up to where the log is not needed any
 * more, and that we live.
 */
export function encodeStatus(upTo: Lsn, answer: boolean): Buffer {
  const status = Buffer.alloc(34);
  status.write('r');
  for (const at of [1, 9, 17]) status.writeBigUInt64BE(upTo, at);
  status.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1_000n, 25);
  status[33] = answer ? 1 : 0;
  return status;
}

/** As Postgres writes it: two hexadecimal numbers of 32 bits. */
export function lsnOf(text: string): Lsn {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export const lsnText = (lsn: Lsn): string => `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`;
