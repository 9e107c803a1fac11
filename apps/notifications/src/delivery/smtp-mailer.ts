import { calling } from '@shop/platform';
import { createTransport } from 'nodemailer';
import { Mailer, Undeliverable, type Envelope } from './mailer.ts';

export interface SmtpMailerOptions {
  /** smtp://[user:password@]host:port, or smtps:// */
  readonly url: string;
  readonly from: string;
  readonly connections: number;
}

/** SMTP over a few connections that are kept open; every wait has an end. */
export class SmtpMailer extends Mailer {
  readonly #transport;
  readonly #from: string;

  constructor({ url, from, connections }: SmtpMailerOptions) {
    super();
    this.#from = from;
    this.#transport = createTransport({
      url,
      pool: true,
      maxConnections: connections,
      dnsTimeout: 3_000,
      connectionTimeout: 3_000,
      greetingTimeout: 5_000,
      socketTimeout: 10_000,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  override async send({ to, messageId, subject, text, html }: Envelope): Promise<void> {
    const headers = { 'Auto-Submitted': 'auto-generated' };
    try {
      // Whom it goes to and what it says stay out of the trace.
      await calling('SMTP send', { 'peer.service': 'mail' }, () =>
        this.#transport.sendMail({
          from: this.#from,
          to: { name: '', address: to.address },
          messageId,
          subject,
          text,
          html,
          headers,
        }),
      );
    } catch (error) {
      throw refusedForGood(error) ?? error;
    }
  }

  override async close(): Promise<void> {
    this.#transport.close();
  }
}

/**
 * RFC 5321: 5yz to this recipient or this mail will be said again. A refused login is ours to mend, so it is tried
 * again.
 */
function refusedForGood(error: unknown): Undeliverable | undefined {
  const { code, responseCode = 0 } = error as { code?: string; responseCode?: number };
  return responseCode >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE')
    ? new Undeliverable(`smtp-${responseCode}`)
    : undefined;
}
