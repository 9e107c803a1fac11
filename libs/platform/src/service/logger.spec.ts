import { expect, it } from 'vitest';
import { startTracing, withTraceparent } from '../telemetry/tracing.ts';
import { Logger } from './logger.ts';

const written = () => {
  const lines: string[] = [];
  const logger = new Logger(
    'orders',
    { INSTANCE: 'orders-7c9f5-x2x', LOG_LEVEL: 'info' },
    { write: (line) => void lines.push(line) },
  );
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
};

it('writes one JSON line with service, instance and time', () => {
  const { logger, last } = written();
  logger.info({ orderId: '7' }, 'placed');
  expect(last()).toEqual({
    level: 'info',
    time: expect.stringMatching(/Z$/),
    service: 'orders',
    instance: 'orders-7c9f5-x2x',
    orderId: '7',
    msg: 'placed',
  });
});

it('carries the id of the trace it belongs to', async () => {
  startTracing();
  const { logger, last } = written();
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  await withTraceparent(`00-${traceId}-b7ad6b7169203331-01`, 'test', async () => logger.info({}, 'inside'));
  expect(last().traceId).toBe(traceId);
});

it('strikes out secrets and addresses wherever they are', () => {
  const { logger, lines } = written();
  const secrets = {
    password: 'hunter2',
    token: 'hunter2',
    email: 'hunter2@example.com',
    authorization: 'Bearer hunter2',
    cookie: 'hunter2',
  };
  logger.info(
    { ...secrets, request: { headers: { ...secrets, 'set-cookie': 'hunter2' } }, customer: secrets },
    'hello',
  );
  expect(lines[0]).not.toContain('hunter2');
});

it('leaves out what a database error quotes from a row, and says which rule it broke', () => {
  const { logger, lines, last } = written();
  const error = Object.assign(new Error('duplicate key'), {
    code: '23505',
    constraint: 'accounts_email_key',
    detail: 'Key (email)=(a@example.com) exists.',
  });
  logger.error({ err: error }, 'failed');
  expect(lines[0]).not.toContain('a@example.com');
  expect(last().err).toMatchObject({ message: 'duplicate key', code: '23505', constraint: 'accounts_email_key' });
});
