import { context, createContextKey } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { startTracing } from '../telemetry/tracing.ts';
import { ResilientCalls, type ResilientCallsOptions } from './resilient-calls.ts';

const broken = new Error('broken');
const never = new AbortController().signal;
const isError = (outcome: object) => 'error' in outcome;

function calls(options: Partial<ResilientCallsOptions> = {}): ResilientCalls {
  return new ResilientCalls({
    name: 'spec',
    isFailure: isError,
    isPassing: (error) => error === broken,
    atOnce: 4,
    queue: 2,
    ...options,
  });
}

const failing = () => Promise.reject(broken);
const terms = { signal: never, repeatable: false };

/** A call that ends when it is told to. */
function held() {
  const ends: (() => void)[] = [];
  return {
    call: () => new Promise<string>((end) => ends.push(() => end('done'))),
    endAll: () => ends.splice(0).forEach((end) => end()),
    under: () => ends.length,
  };
}

describe('a call that fails', () => {
  it('is repeated where it may happen twice, and what failed is thrown in the end', async () => {
    const seen = { repeatable: 0, once: 0 };
    const policy = calls({ retries: 2 });
    await expect(
      policy.execute(() => (seen.repeatable++, failing()), { signal: never, repeatable: true }),
    ).rejects.toBe(broken);
    await expect(policy.execute(() => (seen.once++, failing()), terms)).rejects.toBe(broken);
    expect(seen).toEqual({ repeatable: 3, once: 1 });
  });

  it('is not repeated when it will never be another', async () => {
    let seen = 0;
    await expect(
      calls().execute(() => (seen++, Promise.reject(new Error('no'))), { signal: never, repeatable: true }),
    ).rejects.toThrow('no');
    expect(seen).toBe(1);
  });

  it('is repeated within a budget: a storm makes a tenth more calls, and the reserve', async () => {
    // Not this party's failure, so that no circuit helps.
    const policy = calls({ isFailure: () => false, budget: { ratio: 0.1, reserve: 10 } });
    let seen = 0;
    for (let n = 0; n < 200; n++)
      await policy
        .execute(() => (seen++, failing()), { signal: never, repeatable: true })
        .catch((error) => expect(error).toBe(broken));
    expect(seen).toBe(200 + 29);
  });
});

describe('a party that keeps failing', () => {
  const opened = async (options: Partial<ResilientCallsOptions> = {}) => {
    const states: string[] = [];
    const policy = calls({ onCircuit: (state) => states.push(state), leftAloneMs: [50, 50], ...options });
    for (let n = 0; n < 5; n++) await policy.execute(failing, terms).catch(() => undefined);
    return { policy, states };
  };

  it('is left alone after five failures: nothing more is asked of it', async () => {
    const { policy, states } = await opened({ leftAloneMs: [60_000, 60_000] });
    let seen = 0;
    await expect(policy.execute(async () => seen++, terms)).rejects.toMatchObject({ name: 'NotCalled', why: 'open' });
    expect([seen, states]).toEqual([0, ['open']]);
  });

  it('is probed by one call; others do not wait for what it finds out', async () => {
    const { policy, states } = await opened();
    const slow = held();
    const probe = () => (void policy.execute(slow.call, terms).catch(() => undefined), slow.under());
    await expect.poll(probe).toBe(1);
    await expect(policy.execute(slow.call, terms)).rejects.toMatchObject({ why: 'open' });
    slow.endAll();
    await expect.poll(() => states).toEqual(['open', 'closed']);
  });
});

describe('a party that is slow', () => {
  it('ties up so many calls, lets so many wait, and refuses the rest at once', async () => {
    const slow = held();
    const policy = calls();
    const six = Array.from({ length: 6 }, () => policy.execute(slow.call, terms));
    await expect(policy.execute(slow.call, terms)).rejects.toMatchObject({ why: 'full' });
    expect(slow.under()).toBe(4);
    const ending = setInterval(slow.endAll, 1);
    expect(await Promise.all(six)).toEqual(Array(6).fill('done'));
    clearInterval(ending);
  });

  it('is made in the context of its own caller, also when it waited for the end of another', async () => {
    startTracing();
    const whose = createContextKey('whose');
    const policy = calls({ atOnce: 1, queue: 2 });
    const as = (who: string) =>
      context.with(context.active().setValue(whose, who), () =>
        policy.execute(async () => context.active().getValue(whose), terms),
      );
    expect(await Promise.all([as('one'), as('two'), as('three')])).toEqual(['one', 'two', 'three']);
  });

  it('does not keep its caller beyond its time, in the queue neither', async () => {
    const slow = held();
    const policy = calls({ atOnce: 1, queue: 1 });
    void policy.execute(slow.call, terms);
    const mine = new AbortController();
    const waiting = policy.execute(slow.call, { signal: mine.signal, repeatable: true });
    mine.abort(broken);
    await expect(waiting).rejects.toBe(broken);
    expect(slow.under()).toBe(1);
    slow.endAll();
  });

  it('is given up after the time of an attempt, and its place is free again', async () => {
    const policy = calls({ atOnce: 1, queue: 0, attemptMs: 20 });
    await expect(policy.execute(held().call, terms)).rejects.toThrow();
    expect(await policy.execute(async () => 'mine', terms)).toBe('mine');
  });
});
