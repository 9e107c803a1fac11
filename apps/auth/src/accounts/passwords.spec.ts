import { describe, expect, it } from 'vitest';
import { Passwords } from './passwords.ts';

const passwords = new Passwords();

/** CPU time of the whole process in ms: unlike the time on the clock it does not depend on who else is busy here. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe('passwords', () => {
  it('are kept as argon2id of 19 MiB and two passes, each with its own salt', async () => {
    const [one, other] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(other).not.toBe(one);
  });

  it('match themselves only, however their characters were composed', async () => {
    const kept = await passwords.hash('caf\u00e9 au lait');
    expect(await passwords.matches(kept, 'cafe\u0301 au lait')).toBe(true);
    expect(await passwords.matches(kept, 'cafe au lait')).toBe(false);
  });

  it('of nobody match nothing, and finding that out costs as much', async () => {
    const kept = await passwords.hash('correct horse');
    expect(await passwords.matches(undefined, 'correct horse')).toBe(false);
    const tenOf = (hash: string | undefined) =>
      cpuOf(() => Promise.all(Array.from({ length: 10 }, () => passwords.matches(hash, 'wrong'))));
    const ofSomebody = await tenOf(kept);
    expect(await tenOf(undefined)).toBeGreaterThan(ofSomebody / 3);
  });
});
