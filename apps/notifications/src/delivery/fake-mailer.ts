import { Mailer, Undeliverable, type Envelope } from './mailer.ts';

/** Keeps what it was given. */
export class FakeMailer extends Mailer {
  readonly outbox: Envelope[] = [];
  weather: 'fine' | 'away' | 'refuses' = 'fine';

  override async send(envelope: Envelope): Promise<void> {
    if (this.weather === 'refuses') throw new Undeliverable('smtp-550');
    if (this.weather === 'away')
      throw Object.assign(new Error(`could not send to ${envelope.to.address}`), { code: 'ECONNECTION' });
    this.outbox.push(envelope);
  }

  override async close(): Promise<void> {}
}
