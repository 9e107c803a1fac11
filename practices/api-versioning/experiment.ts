import type { Experiment, Load } from '../lab/experiment.ts';
import { openIssuer } from '../lab/issuer.ts';
import { Party } from '../lab/party.ts';
import { Client } from './client.ts';
import { first, second } from './dialects.ts';
import type { Wish } from './service.ts';
import { shopOf } from './shop.ts';

interface VersioningLoad extends Load {
  /** How often each of the two clients does everything that it does. */
  readonly sessions: number;
  readonly products: number;
}

/** Version 2 is deployed. A program that was written against version 1 goes on as it always did. What breaks? */
export const experiment: Experiment<VersioningLoad> = {
  title: 'API versions',
  harm: 'requests of an old client refused, and readings that went wrong',
  variants: [
    {
      name: 'in place',
      practice: false,
      what: 'version 2 is the next state of the API, at the addresses that there were',
    },
    {
      name: 'side by side',
      practice: true,
      what: 'version 2 has addresses of its own, and version 1 says until when it stays',
    },
  ],
  load: { full: { seed: 20, sessions: 150, products: 50 }, quick: { seed: 20, sessions: 4, products: 30 } },
  tables: '',
  topics: [],

  async round(bench, { name, practice }, load) {
    const shop = shopOf(load.seed, load.products);
    const [issuer, behind] = await Promise.all([openIssuer(), Party.start(shop.services)]);
    try {
      const service = await bench.start(import.meta.resolve('./service.ts'), name);
      const url =
        (await service.ask<string>({
          issuer: issuer.name,
          keysUrl: issuer.keysUrl,
          behind: behind.url,
        } satisfies Wish)) ?? '';
      const token = await issuer.access('client', {
        scope: 'orders:read orders:write products:write',
        roles: ['customer', 'admin'],
      });
      const old = new Client(url, token, first, shop);
      // Whoever wants version 2 gets it in both worlds.
      const young = new Client(url, token, practice ? second : { ...second, prefix: first.prefix }, shop);
      for (let n = 0; n < load.sessions; n++) {
        await old.session(`old-client-${n}`, n);
        await young.session(`new-client-${n}`, n);
      }
      const { requests, refused, readings, wrong, warned, cases } = old.tally;
      return {
        harm: refused + wrong,
        figures: {
          sessions: load.sessions,
          requests,
          refused,
          readings,
          'readings gone wrong': wrong,
          'answers that told of the end': warned,
          'readings of the new client': young.tally.readings,
        },
        cases: [...cases],
        doubts: [
          ...bench.doubts(service),
          ...(young.tally.refused + young.tally.wrong === 0
            ? []
            : [`the new client, for whom it was made, cannot use it: ${[...young.tally.cases].join(', ')}`]),
          ...(behind.calls > 0 ? [] : ['nobody reached the services']),
        ],
      };
    } finally {
      issuer.close();
      await behind.stop();
    }
  },
};
