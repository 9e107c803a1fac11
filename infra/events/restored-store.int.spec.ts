import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { storeTopic } from '@shop/contracts';
import { KafkaBus } from '@shop/eventing';
import { payments } from '@shop/payments';
import { Database, runService } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createTopics } from '../topics.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const group = 'payments.commands';

describeWith('kafka', 'a whole service whose database is put back to an older state while it runs', ({ brokers }) => {
  const bus = new KafkaBus({ brokers: brokers.split(','), clientId: 'spec', log });
  const admin = new Admin({ clientId: 'spec', bootstrapBrokers: brokers.split(','), retries: 5, retryDelay: 200 });
  let owner: Database;
  let environment: Record<string, string>;

  beforeAll(async () => {
    await createTopics(brokers);
    const { url, ownerUrl } = await freshDatabase('payments');
    owner = new Database(ownerUrl, { size: 1, application: 'spec' });
    environment = {
      ISSUER: 'http://shop.test/oidc',
      JWKS_URL: 'http://127.0.0.1:1/jwks',
      LOG_LEVEL: 'silent',
      SHED_LOOP_DELAY_MS: '0',
      SHUTDOWN_DELAY_MS: '0',
      DATABASE_URL: url,
      BUS: 'kafka',
      KAFKA_BROKERS: brokers,
      PROVIDER_URL: 'http://127.0.0.1:1',
      PROVIDER_KEY: 'a key of eight or more',
    };
  });
  afterAll(() => Promise.all([bus.close(), admin.close(), owner.close()]));

  it('answers nobody, leaves its groups, and does not start again', async () => {
    const service = await runService(payments, environment);
    const ready = async () => (await fetch(`${service.url}/health/ready`)).text();
    try {
      await vi.waitFor(
        async () => expect(JSON.parse(await ready())).toMatchObject({ checks: { store: 'ok', relay: 'ok' } }),
        { timeout: 20_000, interval: 100 },
      );
      const [backup] = await owner.query<{ mark: string }>('SELECT mark FROM store_mark');
      await owner.query('INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)', [group, randomUUID()]);
      await vi.waitFor(
        async () =>
          expect(JSON.parse((await bus.newest(storeTopic('payments'))) ?? '{"mark":0}').mark).toBeGreaterThan(
            Number(backup?.mark),
          ),
        { timeout: 10_000, interval: 100 },
      );
      expect((await fetch(`${service.url}/operations/outbox`)).status).toBe(401);
      await owner.query(`UPDATE store_mark SET mark = ${backup?.mark}`);
      await vi.waitFor(async () => expect(await ready()).toContain('is an older state'), {
        timeout: 10_000,
        interval: 50,
      });
      expect((await fetch(`${service.url}/operations/outbox`)).status).toBe(503);
      await vi.waitFor(
        async () => expect((await admin.describeGroups({ groups: [group] })).get(group)?.members.size).toBe(0),
        { timeout: 20_000, interval: 200 },
      );
    } finally {
      await service.close();
    }
    await expect(runService(payments, environment)).rejects.toThrow('is an older state');
  });
});
