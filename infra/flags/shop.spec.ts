import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FlagFile } from '@shop/platform';
import { describe, expect, it } from 'vitest';
import { flagsFile } from '../environment.ts';

const ofKubernetes = fileURLToPath(new URL('../../k8s/base/orders/flags/shop.json', import.meta.url));

describe('the flags of a shop', () => {
  it.each([flagsFile, ofKubernetes])(
    'can be read from %s, and are off for everybody until somebody says otherwise',
    async (path) => {
      const said: object[] = [];
      const flags = await FlagFile.open({
        path,
        log: { info: (fields) => said.push(fields), warn: (fields) => said.push(fields) },
      });
      const names = Object.keys((JSON.parse(readFileSync(path, 'utf8')) as { flags: object }).flags);
      expect(said).toEqual([{ file: path, changed: names }]);
      for (const name of names) {
        const on = await Promise.all(
          Array.from({ length: 1_000 }, (_, number) => flags.isOn(name, `customer ${number}`)),
        );
        expect(on).not.toContain(true);
      }
    },
  );
});
