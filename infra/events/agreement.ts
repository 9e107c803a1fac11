import { forgetAgreement } from '@shop/eventing';
import { Obstacle } from '../state.ts';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase, messagingServices, table } from './operated-shop.ts';

export const showAgreement: Command = async (_, rest, { shop, say }) => {
  nothingMore(rest);
  for (const service of messagingServices) {
    const terms = await inDatabase(shop(), service, (database) =>
      database.query<{ term: string; value: string; at: Date }>(
        'SELECT term, value, agreed_at AS at FROM agreement ORDER BY term',
      ),
    );
    say(`${service}: ${terms.length === 0 ? 'nothing is agreed on yet' : `${terms.length} terms`}`);
    for (const row of table(
      ['', 'term', 'value', 'since'],
      terms.map(({ term, value, at }) => ['', term, value, at.toISOString()]),
    ))
      say(row);
  }
  return 0;
};

export const forgetAgreed: Command = async (_, [name, ...rest], { shop, say }) => {
  nothingMore(rest);
  const service = messagingServices.find((each) => each === name);
  if (!service) throw new Obstacle(`Of which service? agreement forget <${messagingServices.join('|')}>.`);
  const forgotten = await inDatabase(shop(), service, forgetAgreement);
  say(`${service}: ${forgotten} terms are forgotten; the first instance that starts writes them anew`);
  return 0;
};
