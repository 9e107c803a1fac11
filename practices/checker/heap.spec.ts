import { describe, expect, it } from 'vitest';
import { keptPerRequest, leaks, type Soak } from './heap.ts';

const MIB = 2 ** 20;
const soak = (...heapMiB: number[]): Soak => ({
  heapBytes: heapMiB.map((size) => size * MIB),
  requestsPerRound: 1_000,
  warmUpRounds: 2,
  bytesPerRequest: 100,
});

describe('a soak', () => {
  it('finds what grows with every round, however little of all memory that is', () => {
    expect(leaks(soak(400, 500, 510, 510.2, 510.4, 510.6, 510.8))).toBe(true);
    expect(keptPerRequest(soak(0, 0, 1, 2, 3))).toBeCloseTo(MIB / 1_000);
  });

  it('does not mind caches that fill up in the beginning, noise, and one round that is unlike the others', () => {
    expect(leaks(soak(50, 180, 200, 200.05, 199.95, 200.02, 200))).toBe(false);
    expect(leaks(soak(50, 50, 50, 50, 90, 50, 50, 50))).toBe(false);
    expect(leaks(soak(50, 50, 50, 50, 50, 50, 50, 90))).toBe(false);
  });

  it('finds a leak beside something large that came and went', () => {
    expect(leaks(soak(50, 50, 50, 51, 92, 93, 54, 55, 56, 57))).toBe(true);
  });

  it('that is too short tells nothing', () => expect(() => leaks(soak(50, 50, 50))).toThrow('two rounds'));
});
