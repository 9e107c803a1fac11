import { beforeEach, describe, expect, it } from 'vitest';
import { Leases } from './leases.ts';

/** In µs: a thousand a second. */
const cost = 1_000;
let leases: Leases;
beforeEach(() => void (leases = new Leases()));

/** Asks like a client that comes every `every` ms, and answers how many had to be asked for. */
function asks(every: number, times: number): number[] {
  const asked: number[] = [];
  for (let now = 0; now < every * times; now += every) {
    if (leases.use('key', cost, now) !== undefined) continue;
    const count = leases.wanted('key', now);
    asked.push(count);
    leases.add('key', { count, before: 0 }, cost, now);
    leases.use('key', cost, now);
  }
  return asked;
}

describe('leases', () => {
  it('are of one request for who comes now and then', () => expect(asks(150, 20)).toEqual(Array(20).fill(1)));

  it('grow to what comes in a tenth of a second, no faster than by double', () => {
    const asked = asks(2, 1_000);
    expect(asked.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
    expect([Math.max(...asked) <= 52, asked.length < 60]).toEqual([true, true]);
  });

  it('say what is owed without those that are not used yet, and as time goes by', () => {
    leases.add('key', { count: 10, before: 5_000 }, cost, 0);
    expect([leases.use('key', cost, 0), leases.use('key', cost, 0), leases.use('key', cost, 3)]).toEqual([
      5_000, 6_000, 4_000,
    ]);
  });

  it('are used up, given back where they were not needed, and lost when nobody comes', () => {
    leases.add('key', { count: 2, before: 0 }, cost, 0);
    expect([leases.use('key', cost, 1), leases.use('key', cost, 1), leases.use('key', cost, 1)]).toEqual([
      0,
      0,
      undefined,
    ]);
    leases.giveBack('key');
    expect([leases.use('key', cost, 200), leases.use('key', cost, 200)]).toEqual([0, undefined]);
    leases.giveBack('key');
    expect(leases.use('key', cost, 201)).toBeUndefined();
  });

  it('are asked for by one caller before they end, and by the others for one request only', () => {
    leases.add('key', { count: 40, before: 0 }, cost, 0);
    for (let n = 0; n < 30; n++) leases.use('key', cost, 50);
    expect(leases.isLow('key', 50)).toBe(false);
    leases.use('key', cost, 50);
    expect([
      leases.isLow('key', 50),
      leases.wanted('key', 50),
      leases.isLow('key', 50),
      leases.wanted('key', 50),
    ]).toEqual([true, 62, false, 1]);
    leases.add('key', { count: 62, before: 40_000 }, cost, 52);
    expect(leases.use('key', cost, 52)).toBe(31_000);
  });

  it('of different keys have nothing to do with each other', () => {
    leases.add('key', { count: 5, before: 0 }, cost, 0);
    expect([leases.use('other', cost, 0), leases.isLow('other', 0), leases.wanted('other', 0)]).toEqual([
      undefined,
      false,
      1,
    ]);
  });
});
