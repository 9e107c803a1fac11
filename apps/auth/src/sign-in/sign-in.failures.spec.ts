import type { ArgumentsHost } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { Logger } from '@shop/platform';
import { expect, it } from 'vitest';
import type { AuthConfig } from '../auth.config.ts';
import { SignInFailures } from './sign-in.failures.ts';

it('a page that cannot be had now says when to come again', () => {
  const said: Record<string, unknown> = {};
  const reply = {
    status: (code: number) => ((said['status'] = code), reply),
    header: (name: string, value: string) => ((said[name] = value), reply),
    headers: (all: object) => (Object.assign(said, all), reply),
    send: () => reply,
  };
  const host = { switchToHttp: () => ({ getResponse: () => reply }) } as unknown as ArgumentsHost;
  new SignInFailures(new Logger('auth', { INSTANCE: '1', LOG_LEVEL: 'silent' }), {
    ISSUER: 'https://shop.example/oidc',
  } as AuthConfig).catch(new DomainError('unavailable', 'database-unavailable', 'Not now.'), host);
  expect(said).toMatchObject({ status: 503, 'retry-after': expect.anything() });
});
