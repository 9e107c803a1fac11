import { Injectable } from '@nestjs/common';
import type { MailRequest } from '@shop/contracts';
import { Logger, Recurring } from '@shop/platform';
import { Mailer, Undeliverable } from '../delivery/mailer.ts';
import { codeOf, Sender, within } from '../delivery/sender.ts';
import { composeAccountMail } from '../domain/account-mail.ts';
import { Messages } from '../messages.ts';
import { MailRequests } from './mail-requests.ts';

/** How long somebody who waits for a link waits for us. */
const EVERY_MS = 1_000;
const AT_ONCE = 16;
/** Less than auth's lease, so that nobody else sends it meanwhile. */
const DEADLINE_MS = 15_000;

/**
 * Sends the links that auth asks for, at least once each under one Message-ID. Auth is the queue: nothing of it is kept
 * here, and what failed is handed out again until its link is over.
 */
@Injectable()
export class AccountMails extends Recurring {
  constructor(
    private readonly requests: MailRequests,
    private readonly mailer: Mailer,
    private readonly messages: Messages,
    private readonly sender: Sender,
    private readonly log: Logger,
  ) {
    super({ what: 'mails for auth', everyMs: EVERY_MS, log });
  }

  override async onApplicationShutdown(): Promise<void> {
    await super.onApplicationShutdown();
    await this.requests.close();
  }

  protected override async look(): Promise<void> {
    const claimed = await this.requests.claim(AT_ONCE);
    await Promise.all(claimed.map((request) => this.#handle(request)));
  }

  /**
   * Never throws: what is not completed comes again. The error itself is not logged: a mail server's answer quotes the
   * address.
   */
  async #handle(request: MailRequest): Promise<void> {
    const { id, kind, email: address } = request;
    const about = { request: id, kind };
    try {
      if (kind === 'address-verified') await this.#release(request.accountId);
      else
        await within(
          DEADLINE_MS,
          this.mailer.send({
            ...composeAccountMail({ ...request, kind }),
            to: { address },
            messageId: `<${id}@shop.example>`,
          }),
        );
      await this.requests.complete(id);
      this.log.info(about, 'done for auth');
    } catch (error) {
      this.log.warn(
        { ...about, failure: error instanceof Undeliverable ? error.reason : codeOf(error) },
        'not done for auth; it is handed out again',
      );
      if (error instanceof Undeliverable) await this.requests.complete(id).catch(() => undefined);
    }
  }

  async #release(accountId: string): Promise<void> {
    await this.messages.release(accountId);
    this.sender.wake();
  }
}
