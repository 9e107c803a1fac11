import type { Mail } from './message.ts';
import { escape } from './html.ts';

/** What there is to say: whoever registered may be a stranger, so no word of theirs is in it, their name neither. */
const words = {
  'verify-address': {
    subject: 'Confirm your email address',
    before:
      'Somebody registered at the shop with this address. If it was you, follow this link and enter the password that you chose:',
    after:
      'If it was not you, do nothing: no other mail will come. Or take the address back by setting a new password on the page behind the link.',
  },
  'reset-password': {
    subject: 'Set a new password',
    before: 'Somebody asked for a new password for the account with this address. If it was you, follow this link:',
    after: 'If it was not you, do nothing: your password stays as it is.',
  },
  'factor-added': {
    subject: 'A second factor was added to your account',
    before:
      'A sign-in to the account with this address takes one more step from now on: a second factor was added. If it was not you, somebody knows your password. Follow this link to remove the factor and to set another password:',
    after: 'If it was you, do nothing.',
  },
} as const;

/** A link and what it is for, as plain text and as HTML that says the same. */
export function composeAccountMail({
  kind,
  link,
  expiresAt,
}: {
  kind: keyof typeof words;
  link: string;
  expiresAt: string;
}): Mail {
  const { subject, before, after } = words[kind];
  const until = `It works once, until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC.`;
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${subject}</title></head>
<body style="font-family:sans-serif;line-height:1.5">
<p>${escape(before)}</p>
<p><a href="${escape(link)}">${subject}</a></p>
<p>${until} ${escape(after)}</p>
</body></html>`;
  return { subject, text: `${[before, link, `${until} ${after}`].join('\n\n')}\n`, html };
}
