import { resend, undelivered } from '@shop/notifications';
import { nothingMore, type Command, type Options } from './arguments.ts';
import { inDatabase, operator, table } from './operated-shop.ts';

export const listMails: Command = async (options, rest, { shop, say }) => {
  nothingMore(rest);
  const mails = await inDatabase(shop(), 'notifications', (database) => undelivered(database, which(options)));
  if (mails.length === 0) say('Every mail that was tried has arrived.');
  else {
    const rows = mails.map(({ orderId, kind, status, attempts, failure, createdAt }) => [
      orderId,
      kind,
      status === 'failed' ? 'given up' : 'tried again',
      attempts,
      failure,
      createdAt.toISOString(),
    ]);
    for (const row of table(['order', 'mail', 'is', 'attempts', 'failure', 'since'], rows)) say(row);
  }
  return 0;
};

export const resendMails: Command = async (options, rest, { shop, say }) => {
  nothingMore(rest);
  const asked = which(options);
  if (!options.yes) {
    const mails = await inDatabase(shop(), 'notifications', (database) => undelivered(database, asked));
    say(`${mails.length} mails would be sent again; --yes does it.`);
    return 0;
  }
  say(
    `${await inDatabase(shop(), 'notifications', (database) => resend(database, { operator: operator(), ...asked }))} mails are queued again.`,
  );
  return 0;
};

const which = ({ key, reason }: Options) => ({ order: key, failure: reason });
