import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

const BURST_MS = { quick: 4_000, full: 20_000 };
/** What the payment provider then takes for an answer, in ms: its consumer becomes the slowest of all. */
const SLOW_MS = 300;

export const burst: Fault = {
  id: 'F14',
  title: 'a slow consumer, a tenfold burst, and its instances come and go every five seconds',
  rate: 4,
  bounds: { stalenessMs: 150_000 },
  async strike({ site, next, quick, say }) {
    const { load } = site;
    if (!load) throw new Error('there is no load');
    await site.turnKnobs({ latencyMs: SLOW_MS });
    await load.stop(60_000);
    load.start(next, 40);
    const until = performance.now() + (quick ? BURST_MS.quick : BURST_MS.full);
    for (let n = 0; n === 0 || performance.now() < until; n++) {
      const instance = 1 + (n % 2);
      await site.accident(`payments-${instance} goes`, () => site.shop.halt('payments', instance).then(() => true));
      await sleep(2_500);
      await site.shop.restart('payments', instance);
      await sleep(2_500);
    }
    await load.stop(60_000);
    const { sagas } = await site.inFlight();
    say(`the burst is over; ${sagas} orders are under way`);
    const since = performance.now();
    const moving = await site.quiet(180_000);
    await site.turnKnobs({});
    return {
      figures: { 'orders under way after the burst': sagas, 'drained (ms)': Math.round(performance.now() - since) },
      broken: moving === undefined ? [] : [`it is not drained after three minutes: ${moving}`],
    };
  },
};
