import { readFileSync } from 'node:fs';
import { FlagFile } from '@shop/platform';
import { describe, expect, it } from 'vitest';
import { flagsFile } from '../environment.ts';

describe('the flags of a shop', () => {
  it('can be read, and are off for everybody until somebody says otherwise', async () => {
    const said: object[] = [];
    const flags = await FlagFile.open({ path: flagsFile, log: { info: (fields) => said.push(fields), warn: (fields) => said.push(fields) } });
    const names = Object.keys((JSON.parse(readFileSync(flagsFile, 'utf8')) as { flags: object }).flags);
    expect(said).toEqual([{ file: flagsFile, changed: names }]);
    for (const name of names) {
      const on = await Promise.all(Array.from({ length: 1_000 }, (_, number) => flags.isOn(name, `customer ${number}`)));
      expect(on).not.toContain(true);
    }
  });
});
