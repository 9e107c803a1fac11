import { globSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Shop } from '@shop/infra/shop';
import pg from 'pg';
import type { Stores } from './stores.ts';

/** Services that have an outbox. */
export const producers = ['orders', 'catalog', 'payments'] as const;
export type Producer = (typeof producers)[number];

/** Advisory lock class of relays that own a shard, and how many shards there are. */
const [SHARD_LOCK, SHARDS] = [0x0b0c, 16];
const OF_SHARDS = `locktype = 'advisory' AND classid = ${SHARD_LOCK} AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
/** How long others may take to own what somebody left. */
const OWNED_WITHIN_MS = 60_000;
/** Steps in which a slot follows a log that holds nothing for it. */
const IDLE_STEP_BYTES = 1_048_576;

/** Who carries the messages of each producer to the broker, by the driver that runs, as the database knows it. */
export abstract class Relays {
  /** Milliseconds until what is to be published has an owner, for every producer. */
  async ownedAgain(): Promise<number> {
    return Math.max(
      ...(await Promise.all(
        producers.map((producer) => until(`nobody took over the outbox of ${producer}`, () => this.isOwned(producer))),
      )),
    );
  }

  /** Milliseconds until another than this instance, which owned some or all of it, owns all of it. */
  takenFrom(producer: Producer, instance: number): Promise<number> {
    return until(`nobody took over the outbox of ${producer}`, () => this.isAnothers(producer, instance));
  }

  /**
   * Resolves when everything that was committed by now is on the bus, where the tables do not tell; throws when it is
   * not in time.
   */
  abstract published(): Promise<void>;
  /** An instance that owns some or all of it. */
  abstract ownerOf(producer: Producer): Promise<number>;
  /** Who holds which part of it, to be compared with what is said later. */
  abstract holders(producer: Producer): Promise<string>;
  abstract close(): Promise<void>;
  protected abstract isOwned(producer: Producer): Promise<boolean>;
  protected abstract isAnothers(producer: Producer, instance: number): Promise<boolean>;
}

/** `adminUrl`: only an administrator sees whose session reads a slot. */
export function openRelays(stores: Stores, shop: Pick<Shop, 'databases' | 'processes'>, adminUrl: string): Relays {
  return shop.databases.orders.replicationUrl === undefined
    ? new OfShards(stores)
    : new OfSlots(stores, shop, adminUrl);
}

/** OUTBOX_DRIVER=queue: the shards of each outbox are shared among the instances. */
class OfShards extends Relays {
  constructor(private readonly stores: Stores) {
    super();
  }

  /** What waits is rows. */
  override async published(): Promise<void> {}

  override async close(): Promise<void> {}

  override async ownerOf(): Promise<number> {
    return 1;
  }

  override async holders(producer: Producer): Promise<string> {
    const [row] = await this.stores.sql<{ held: string }>(
      producer,
      `SELECT coalesce(string_agg(objid || ' by ' || pid, ', ' ORDER BY objid, pid), '') AS held FROM pg_locks WHERE ${OF_SHARDS}`,
    );
    return row?.held ?? '';
  }

  protected override async isOwned(producer: Producer): Promise<boolean> {
    return (await this.owners(producer)).shards === SHARDS;
  }

  protected override async isAnothers(producer: Producer): Promise<boolean> {
    const { shards, relays } = await this.owners(producer);
    return shards === SHARDS && relays === 1;
  }

  private async owners(producer: Producer): Promise<{ shards: number; relays: number }> {
    const [row] = await this.stores.sql<{ shards: number; relays: number }>(
      producer,
      `SELECT count(*)::int AS shards, count(DISTINCT pid)::int AS relays FROM pg_locks WHERE ${OF_SHARDS}`,
    );
    return row ?? { shards: 0, relays: 0 };
  }
}

/** OUTBOX_DRIVER=wal: one instance reads the slot, the others wait for it. */
class OfSlots extends Relays {
  private readonly admin: pg.Pool;
  private readonly serverPort: number;

  constructor(
    private readonly stores: Stores,
    private readonly shop: Pick<Shop, 'databases' | 'processes'>,
    adminUrl: string,
  ) {
    super();
    this.admin = new pg.Pool({
      connectionString: adminUrl,
      max: 2,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
    });
    this.serverPort = Number(new URL(adminUrl).port);
    this.admin.on('error', () => undefined);
  }

  override async close(): Promise<void> {
    await this.admin.end();
  }

  /** A slot follows only what is worth it: so much that is not for it makes it move past what is. */
  override async published(): Promise<void> {
    const behind = async (producer: Producer) => {
      const [now] = await this.stores.sql<{ lsn: string }>(producer, 'SELECT pg_current_wal_lsn()::text AS lsn');
      await this.stores.sql(
        producer,
        `SELECT pg_logical_emit_message(false, 'faults', repeat('x', ${2 * IDLE_STEP_BYTES}))`,
      );
      const past = `SELECT 1 FROM pg_replication_slots WHERE database = current_database() AND confirmed_flush_lsn >= '${now?.lsn}'`;
      await until(
        `the log of ${producer} is not published`,
        async () => (await this.stores.sql(producer, past)).length > 0,
      );
    };
    await Promise.all(producers.map(behind));
  }

  override async ownerOf(producer: Producer): Promise<number> {
    let found: number | undefined;
    await until(
      `nobody reads the slot of ${producer}`,
      async () => (found = await this.reader(producer)) !== undefined,
    );
    return found ?? 1;
  }

  override async holders(producer: Producer): Promise<string> {
    return `slot by ${await this.reader(producer)}`;
  }

  protected override async isOwned(producer: Producer): Promise<boolean> {
    return (await this.reader(producer)) !== undefined;
  }

  protected override async isAnothers(producer: Producer, instance: number): Promise<boolean> {
    const reader = await this.reader(producer);
    return reader !== undefined && reader !== instance;
  }

  /** The instance from whose port the slot is read; none when nobody reads it, or one that is dead. */
  private async reader(producer: Producer): Promise<number | undefined> {
    const { rows } = await this.admin.query<{ port: number | null }>(
      'SELECT a.client_port AS port FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.database = $1',
      [new URL(this.shop.databases[producer].ownerUrl).pathname.slice(1)],
    );
    const inode = rows[0]?.port ? socketBetween(rows[0].port, this.serverPort) : undefined;
    if (inode === undefined) return undefined;
    return this.shop.processes.find(
      ({ service, pid }) => service === producer && pid !== undefined && holds(pid, inode),
    )?.instance;
  }
}

/**
 * The socket with these ports on this machine, by the number that the kernel knows it under: one port may have several,
 * to different ends.
 */
function socketBetween(local: number, remote: number): string | undefined {
  const end = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.find(
    ([, from, to, , , , , , , inode]) => from?.endsWith(end(local)) && to?.endsWith(end(remote)) && inode !== '0',
  )?.[9];
}

const holds = (pid: number, inode: string): boolean =>
  globSync(`/proc/${pid}/fd/*`).some((fd) => linkOf(fd) === `socket:[${inode}]`);

function linkOf(fd: string): string {
  try {
    return readlinkSync(fd);
  } catch {
    return ''; // closed meanwhile
  }
}

async function until(otherwise: string, isSo: () => Promise<boolean>): Promise<number> {
  const since = performance.now();
  while (!(await isSo().catch(() => false))) {
    if (performance.now() - since > OWNED_WITHIN_MS)
      throw new Error(`${otherwise} within ${OWNED_WITHIN_MS / 1_000} s`);
    await sleep(10);
  }
  return Math.round(performance.now() - since);
}
