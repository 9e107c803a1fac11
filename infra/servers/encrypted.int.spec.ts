import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { PrismaPg } from '@prisma/adapter-pg';
import { kafkaSecurity, openBus, secured, type BusSettings } from '@shop/eventing';
import { busSettings, Config, Database, RedisConnection, redisSettings, redisTls } from '@shop/platform';
import { describeWith } from '@shop/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { freePorts } from '../ports.ts';
import { openState, serverUser, type State } from '../state.ts';
import { certificatesIn, type Certificates } from './certificates.fixture.ts';
import { nativeKafka } from './kafka.ts';
import { nativePostgres } from './postgres.ts';
import { findRedis, redisAnswers } from './redis.ts';
import { untilReady } from './start.ts';

class Settings extends Config(z.object({ ...busSettings, ...redisSettings })) {}
const settings = (env: Record<string, string>) =>
  Settings.parse({ ISSUER: 'https://shop.example/oidc', JWKS_URL: 'https://shop.example/jwks', BUS: 'memory', ...env });

let home: string;
let state: State;
let files: Certificates;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'encrypted-'));
  chmodSync(home, 0o755);
  files = certificatesIn(home, 'shop');
  state = await openState(join(home, 'state'), () => {});
});
afterAll(async () => {
  await state.close();
  rmSync(home, { recursive: true, force: true });
});

describeWith('kafka', 'Kafka without a mesh', () => {
  let ports: [number, number];

  beforeAll(async () => {
    ports = (await freePorts([0, 0])) as [number, number];
    const [tls, sasl] = ports;
    const own = (port: number, controller: number) => `
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller},SSL://127.0.0.1:${tls},SASL_SSL://127.0.0.1:${sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SSL://127.0.0.1:${tls},SASL_SSL://localhost:${sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location=${files.server.both}
ssl.truststore.type=PEM
ssl.truststore.location=${files.ca}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_shop="sesame";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`;
    const users = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name="shop",password="sesame"]`,
    ]);
    await nativeKafka(state, 0, () => {}, { settings: own, format: users }).start();
  });

  const byCertificate = () => ({
    KAFKA_BROKERS: `127.0.0.1:${ports[0]}`,
    KAFKA_SECURITY_PROTOCOL: 'SSL',
    KAFKA_CA_FILE: files.ca,
    KAFKA_CERT_FILE: files.client.cert,
    KAFKA_KEY_FILE: files.client.key,
  });
  const byPassword = (mechanism: string) => ({
    KAFKA_BROKERS: `localhost:${ports[1]}`,
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_CA_FILE: files.ca,
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: 'shop',
    KAFKA_SASL_PASSWORD: 'sesame',
  });
  const ways: [string, () => Record<string, string>][] = [
    ['a certificate of ours', byCertificate],
    ...['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'].map((mechanism): [string, () => Record<string, string>] => [
      mechanism,
      () => byPassword(mechanism),
    ]),
  ];

  describe.each(['platformatic', 'kafkajs'] as const)('by the client %s', (KAFKA_CLIENT) => {
    const open = (env: Record<string, string>) =>
      openBus(settings({ ...env, BUS: 'kafka', KAFKA_CLIENT }) as BusSettings, {
        clientId: 'spec',
        log: { info() {}, warn() {}, error() {} },
      });

    it.each(ways)('publishes and reads with TLS and %s', async (name, way) => {
      const topic = `encrypted-${KAFKA_CLIENT}-${name.replaceAll(' ', '-')}`;
      const bus = await open(way());
      await makeTopic(topic, settings({ ...way(), BUS: 'kafka' }) as BusSettings);
      const read = vi.fn();
      try {
        await bus.subscribe({
          group: topic,
          topics: [topic],
          maxInFlight: 4,
          handle: async ({ value }) => read(value),
        });
        await bus.publish([{ topic, key: 'k', value: '{"hello":1}', headers: {} }]);
        await vi.waitFor(() => expect(read).toHaveBeenCalledWith('{"hello":1}'), { timeout: 30_000, interval: 50 });
      } finally {
        await bus.close();
      }
    });

    it('is refused without what the broker asks for, and refuses a broker that it does not know', async () => {
      const { KAFKA_CERT_FILE: _, KAFKA_KEY_FILE: __, ...nobody } = byCertificate();
      const { KAFKA_CA_FILE: ___, ...trusting } = byPassword('PLAIN');
      for (const env of [nobody, { ...byPassword('SCRAM-SHA-512'), KAFKA_SASL_PASSWORD: 'guessed' }, trusting]) {
        const bus = await open(env);
        await expect(bus.publish([{ topic: 'any', key: 'k', value: '{}', headers: {} }])).rejects.toThrow();
        await bus.close();
      }
    });
  });
});

async function makeTopic(topic: string, bus: BusSettings): Promise<void> {
  const admin = new Admin({
    ...secured(kafkaSecurity(bus)),
    clientId: 'spec',
    bootstrapBrokers: [...(bus.KAFKA_BROKERS ?? [])],
  });
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  await admin.close();
}

describe('Postgres without a mesh', () => {
  let url: URL;

  beforeAll(async () => {
    const admin = (await nativePostgres(state, 0).start()) ?? '';
    url = new URL(admin);
    const client = new pg.Client({ connectionString: admin });
    await client.connect();
    const [{ hba_file: hba }] = (await client.query<{ hba_file: string }>('SHOW hba_file')).rows as [
      { hba_file: string },
    ];
    // Its key is its own: whoever else may read it, Postgres refuses it.
    const [user, key] = [serverUser(), join(dirname(hba), 'server.key')];
    copyFileSync(files.server.key, key);
    chmodSync(key, 0o600);
    if (user) chownSync(key, user.uid, user.gid);
    writeFileSync(hba, 'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n', {
      mode: statSync(hba).mode,
    });
    for (const [name, value] of Object.entries({
      ssl_cert_file: files.server.cert,
      ssl_key_file: key,
      ssl_ca_file: files.ca,
      ssl: 'on',
    }))
      await client.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await client.query('SELECT pg_reload_conf()');
    await client.end();
  });

  const through = (files: Record<string, string>, mode = 'verify-full') => {
    const to = new URL(url);
    for (const [name, value] of Object.entries({ sslmode: mode, ...files })) to.searchParams.set(name, value);
    return to.href;
  };
  const whole = () => ({ sslrootcert: files.ca, sslcert: files.client.cert, sslkey: files.client.key });

  it('is spoken to by TLS, by pg and by Prisma, each knowing the other', async () => {
    const database = new Database(through(whole()), { size: 2, application: 'spec' });
    const question = `SELECT ssl, client_dn AS "who" FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
    expect(await database.query(question)).toEqual([{ ssl: true, who: '/CN=shop' }]);
    const prisma = await new PrismaPg(database.pool).connect();
    expect((await prisma.queryRaw({ sql: question, args: [], argTypes: [] })).rows).toEqual([[true, '/CN=shop']]);
    await prisma.dispose();
    await database.close();
  });

  it.each([
    ['without TLS', () => through({}, 'disable')],
    ['without a certificate of ours', () => through({ sslrootcert: files.ca })],
    ['with a server that nobody vouches for', () => through({ sslcert: files.client.cert, sslkey: files.client.key })],
  ])('is not spoken to %s', async (_, to) => {
    const database = new Database(to(), { size: 1, application: 'spec' });
    await expect(database.query('SELECT 1')).rejects.toThrow();
    await database.close();
  });
});

describe('Redis without a mesh', () => {
  let url: string | undefined;

  beforeAll(async () => {
    const binary = await findRedis(state, () => {});
    if (binary === undefined) return;
    const [port] = (await freePorts([0])) as [number];
    const log = join(state.folder, 'logs/redis-tls.log');
    const args = [
      '--port',
      '0',
      '--tls-port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--tls-cert-file',
      files.server.cert,
      '--tls-key-file',
      files.server.key,
      '--tls-ca-cert-file',
      files.ca,
    ];
    const server = await state.processes.start({ name: 'redis-tls', ...binary, args, log, cwd: state.folder });
    for (const [name, file] of Object.entries({ CA: files.ca, CERT: files.client.cert, KEY: files.client.key }))
      vi.stubEnv(`REDIS_${name}_FILE`, file);
    url = `rediss://127.0.0.1:${port}`;
    await untilReady(server, () => redisAnswers(url ?? ''), log);
    vi.unstubAllEnvs();
  });

  it('is spoken to by rediss, each knowing the other', async ({ skip, task }) => {
    if (url === undefined) {
      Object.assign(task.meta, { needs: 'redis' });
      skip('Redis could not be found, fetched or started here.');
    }
    const connect = (env: Record<string, string>) => {
      const { REDIS_URL, ...of } = settings({ REDIS_URL: url ?? '', ...env });
      const redis = new RedisConnection(REDIS_URL, { timeout: 2_000, tls: redisTls(of) });
      redis.onModuleInit();
      return redis;
    };
    const known = connect({
      REDIS_CA_FILE: files.ca,
      REDIS_CERT_FILE: files.client.cert,
      REDIS_KEY_FILE: files.client.key,
    });
    await vi.waitFor(() => expect(known.available).toBe(true), { timeout: 5_000 });
    expect(await known.use((redis) => redis.ping())).toBe('PONG');
    const strangers = [connect({ REDIS_CA_FILE: files.ca }), connect({})];
    await new Promise((tried) => setTimeout(tried, 500));
    expect(strangers.map(({ available }) => available)).toEqual([false, false]);
    for (const redis of [known, ...strangers]) redis.close();
  });
});
