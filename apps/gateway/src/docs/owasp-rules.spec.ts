import { readFileSync } from 'node:fs';
import spectralCore from '@stoplight/spectral-core';
import owasp from '@stoplight/spectral-owasp-ruleset';
import { expect, it } from 'vitest';

const { Spectral } = spectralCore;

/** The committed documents, of which `npm run generate -- --check` knows that they are what the gateway says. */
it.each([1, 2])(
  'version %i of the API has no error by OWASP’s rules, but for who registers: nobody yet',
  async (version) => {
    const document = JSON.parse(
      readFileSync(new URL(`../../generated/openapi.v${version}.json`, import.meta.url), 'utf8'),
    ) as Record<string, unknown>;
    const spectral = new Spectral();
    spectral.setRuleset(owasp as unknown as Parameters<typeof spectral.setRuleset>[0]);
    const errors = (await spectral.run(document)).filter(({ severity }) => severity === 0);
    expect(errors.map(({ code, path }) => `${code} ${path.join('/')}`)).toEqual([
      `owasp:api2:2023-write-restricted paths//v${version}/accounts/post/security`,
    ]);
  },
);
