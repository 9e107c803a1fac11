import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { Logger } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { errors } from 'oidc-provider';
import { AuthConfig } from '../auth.config.ts';
import { failurePage } from './pages.ts';
import { sendPage } from './send-page.ts';

/** A form that was not sent from our page, or from one that is older than the cookie keys. */
export class ForgedForm extends Error {
  override readonly name = 'ForgedForm';
}

/** On these pages a person reads the failure, not a program: a page instead of a problem document. */
@Catch()
export class SignInFailures implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly config: AuthConfig,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    sendPage(host.switchToHttp().getResponse<FastifyReply>(), this.pageOf(error));
  }

  private pageOf(error: unknown) {
    const again = 'Go back to the application and sign in from there once more.';
    if (error instanceof errors.SessionNotFound)
      return failurePage(
        400,
        'This sign-in is over',
        `It took too long, or was finished already, or your browser has kept no cookie of it: it has to begin at ${new URL(this.config.ISSUER).origin}, with cookies allowed. ${again}`,
      );
    if (error instanceof ForgedForm) return failurePage(403, 'This form is out of date', again);
    if (error instanceof DomainError && error.code === 'link-over')
      return failurePage(410, 'This link no longer works', `${error.message} Sign in, or ask for another one.`);
    if (error instanceof DomainError && error.code === 'account-disabled')
      return failurePage(403, 'This account is disabled', error.message);
    if (error instanceof DomainError && error.kind === 'unavailable')
      return failurePage(503, 'Not at this moment', `${error.message} ${again}`);
    this.logger.error({ err: error }, 'sign-in failed');
    return failurePage(500, 'Something went wrong', `It is our fault and has been noted. ${again}`);
  }
}
