import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Broker } from './relay.fixture.ts';
import { Relay, type OutboxMessage } from './relay.ts';

const log = { info: () => {}, warn: vi.fn(), error: () => {} };

/** A relay of one batch, without a database. */
class OneBatch extends Relay {
  outcome: unknown;
  owned = false;

  protected override waiting() {
    return Promise.resolve({ messages: 0, held: 0, oldestMs: 0 });
  }

  protected override async session(): Promise<void> {
    if (!(await this.proven())) return this.pause(10);
    this.owned = true;
    try {
      const batch: OutboxMessage[] = ['ill', 'well'].map((topic, n) => ({
        shard: 0,
        id: String(n),
        topic,
        key: topic,
        payload: topic,
      }));
      this.outcome = await this.publish(batch, () => {});
      await this.pause(60_000);
    } finally {
      this.owned = false;
    }
  }
}

const relays: OneBatch[] = [];
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  log.warn.mockClear();
});
function start(broker: Broker): OneBatch {
  const relay = new OneBatch({ bus: broker.bus, connectionString: '', log, patienceMs: 100 });
  relays.push(relay);
  relay.start();
  return relay;
}

describe('a relay', () => {
  it('owns nothing before the broker has answered it, and says for how long it has not, in one line', async () => {
    const broker = new Broker();
    broker.down = true;
    const relay = start(broker);
    await sleep(300);
    expect([relay.owned, relay.outcome, log.warn.mock.calls.length]).toEqual([false, undefined, 1]);
    expect(relay.unreachableMs()).toBeGreaterThan(200);
    broker.down = false;
    await vi.waitFor(() => expect(relay.outcome).toEqual({ refused: [], held: [] }));
    expect(relay.unreachableMs()).toBe(0);
  });

  it('gives back what it owns when a batch is not answered and the broker is not there', async () => {
    const broker = new Broker();
    broker.ignores = () => true;
    const relay = start(broker);
    await vi.waitFor(() => expect(relay.owned).toBe(true));
    broker.down = true;
    await vi.waitFor(() => expect([relay.owned, relay.unreachableMs() > 0]).toEqual([false, true]), { timeout: 2_000 });
    expect(relay.outcome).toBeUndefined();
  });

  it('waits longer for a broker that is slow to say that it is there: it is slow with everything', async () => {
    const broker = new Broker();
    broker.proves = () => sleep(60);
    broker.answers = () => sleep(250);
    const relay = start(broker);
    await vi.waitFor(() => expect(relay.outcome).toEqual({ refused: [], held: [] }), { timeout: 2_000 });
    expect(broker.batches).toHaveLength(1);
  });

  it('gives up what is not answered, and each destination by a way of its own', async () => {
    const broker = new Broker();
    broker.ignores = ({ topic }) => topic === 'ill';
    const publish = vi.spyOn(broker.bus, 'publish');
    const relay = start(broker);
    await vi.waitFor(() => expect(relay.outcome).toBeDefined(), { timeout: 2_000 });
    const options = publish.mock.calls.map(([, each]) => [each?.lane, each?.givenUp?.aborted]);
    expect(options).toEqual([
      [undefined, true],
      ['ill', true],
      ['well', false],
    ]);
  });

  it('holds back one destination that is silent where the broker is there', async () => {
    const broker = new Broker();
    broker.ignores = ({ topic }) => topic === 'ill';
    const relay = start(broker);
    await vi.waitFor(
      () => expect(relay.outcome).toMatchObject({ held: [{ behind: 'ill', message: { topic: 'ill' } }] }),
      { timeout: 2_000 },
    );
    expect(broker.received.map(({ topic }) => topic)).toEqual(['well']);
  });
});
