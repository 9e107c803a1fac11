import { setTimeout as sleep } from 'node:timers/promises';
import type { Experiment, Load } from '../lab/experiment.ts';
import { asksOnNewConnections, SlowLoris } from './slow-loris.ts';

interface LorisLoad extends Load {
  /** Connections that the attacker opens, and those that the server takes at most. */
  readonly attacker: number;
  readonly connections: number;
  /** Requests of others, each on a connection of its own. */
  readonly requests: number;
  /** Addresses from which a second attacker comes, who does not open again what was cut; none: no second. */
  readonly addresses: number;
}

/**
 * Nobody holds a connection for longer, with a request that does not come to its end (PROOF: an attacker is cut in ten
 * seconds).
 */
const CUT_WITHIN_MS = 12_000;

/** Somebody opens connections and sends a header a second on each. Who else is served meanwhile? */
export const experiment: Experiment<LorisLoad> = {
  title: 'Slow-loris (OWASP API4: unrestricted resource consumption)',
  harm: 'requests of others that were refused a connection',
  variants: [
    {
      name: 'Node’s defaults',
      practice: false,
      what: 'a minute for headers, five for a request, and whoever comes first has the connections',
    },
    {
      name: 'bounds',
      practice: true,
      what: 'five seconds for headers, ten for a request, and half of the connections for one address at most',
    },
  ],
  load: {
    full: { seed: 20, attacker: 400, connections: 200, requests: 200, addresses: 50 },
    quick: { seed: 20, attacker: 300, connections: 200, requests: 60, addresses: 0 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, { attacker, connections, requests, addresses }) {
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    const url = new URL((await service.ask<string>({ connections })) ?? 'http://nobody');
    const alone = new SlowLoris(Number(url.port), ['127.0.0.2'], attacker, { again: true });
    await alone.settled();
    const held = alone.open;
    const first = await asksOnNewConnections(url, requests);
    alone.stop();
    const crowd = addresses > 0 ? await crowdOf(url, addresses, connections, requests) : { refused: 0, open: 0 };
    return {
      harm: first.refused + crowd.refused,
      figures: {
        'connections open or opening': held,
        requests,
        served: first.served,
        refused: first.refused,
        ...(addresses > 0 && { 'held by a crowd after 12 s': crowd.open, 'refused then': crowd.refused }),
      },
      doubts: [
        ...bench.doubts(service),
        ...(alone.reached > 0 ? [] : ['the attacker reached nobody: is 127.0.0.2 an address of this machine?']),
        ...(first.served + first.refused === requests ? [] : ['not every request was made']),
        ...(held >= connections / 2 ? [] : [`the attacker held ${held} connections only`]),
      ],
    };
  },
};

/** From many addresses no share helps; only time does. */
async function crowdOf(
  url: URL,
  addresses: number,
  connections: number,
  requests: number,
): Promise<{ refused: number; open: number }> {
  const from = Array.from({ length: addresses }, (_, index) => `127.0.1.${index + 1}`);
  const crowd = new SlowLoris(Number(url.port), from, connections * 2, { again: false });
  await crowd.settled();
  await sleep(CUT_WITHIN_MS);
  const { open } = crowd;
  const { refused } = await asksOnNewConnections(url, requests);
  crowd.stop();
  return { refused, open };
}
