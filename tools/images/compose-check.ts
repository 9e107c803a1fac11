import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrationSets, type DatabaseName } from '@shop/infra/databases';
import { freePorts } from '@shop/infra/ports';
import { secretsOf } from '@shop/infra/secrets';
import { tellStory, type ShopAddress } from '@shop/infra/story';
import type { Engine } from './engine.ts';
import { newSeed, secretVariables } from '@shop/infra/shop-secrets';

const published = ['GATEWAY_PORT', 'PROVIDER_PORT', 'MAIL_PORT', 'POSTGRES_PORT', 'KAFKA_PORT', 'REDIS_PORT'] as const;

/**
 * The shop of compose.yaml for one check: a name, secrets and ports of its own, so that one that runs here is left
 * alone.
 */
export class ComposedShop {
  private constructor(
    private readonly engine: Engine,
    private readonly project: string,
    private readonly env: Record<string, string>,
  ) {}

  static async prepare(engine: Engine): Promise<ComposedShop> {
    const ports = await freePorts(published.map(() => 0));
    const listening = Object.fromEntries(published.map((name, index) => [name, String(ports[index])]));
    return new ComposedShop(engine, `ablation-check-${process.pid}`, {
      ...secretVariables(newSeed()),
      ...listening,
      COMPOSE_PROFILES: 'core',
    });
  }

  get address(): ShopAddress {
    const at = (name: string) => `127.0.0.1:${this.env[name]}`;
    const gateway = `http://${at('GATEWAY_PORT')}`;
    return {
      gateway,
      issuer: `${gateway}/oidc`,
      provider: `http://${at('PROVIDER_PORT')}`,
      providerKey: this.env['PROVIDER_KEY']!,
      mail: `http://${at('MAIL_PORT')}`,
      bus: { BUS: 'kafka', KAFKA_BROKERS: at('KAFKA_PORT') },
    };
  }

  /** Resolves when every container is healthy, and `setup` has ended well; what keeps it is in what it throws. */
  async up(): Promise<void> {
    await this.compose(['up', '--detach', '--wait', '--no-build', '--wait-timeout', '240'], 6).catch(
      async (error: Error) => {
        throw new Error(`${error.message}\n${await this.compose(['logs', '--no-color', '--tail', '8'])}`);
      },
    );
  }

  /** What is not as it should be: a service that is not healthy, or has no health check. */
  async ailing(): Promise<string[]> {
    const ids = (await this.compose(['ps', '--quiet'])).split('\n').filter(Boolean);
    const said = await this.engine.docker([
      'inspect',
      '--format',
      '{{.Name}} {{if .State.Health}}{{.State.Health.Status}}{{else}}unchecked{{end}}',
      ...ids,
    ]);
    const lines = said.split('\n');
    return [
      ...(lines.length >= 11 ? [] : [`only ${lines.length} run`]),
      ...lines.filter((line) => !line.endsWith(' healthy')),
    ];
  }

  /** Places one order, and says whether it was confirmed and the mail came. */
  order(say: (line: string) => void): Promise<boolean> {
    return tellStory(this.address, say);
  }

  /** Runs what the Jobs of k8s/ run, in the image: nothing is left to do after `setup`. */
  async migrateAgain(name: DatabaseName): Promise<string[]> {
    const owner = `${name}_owner`;
    const url = `postgres://${owner}:${secretsOf(this.env['SECRETS_SEED']!)(owner)}@postgres:5432/${name}`;
    const said = await this.compose([
      'run',
      '--rm',
      '--no-deps',
      '-T',
      '-e',
      `DATABASE_URL=${url}`,
      name,
      'migrate.mjs',
      'expand',
      ...migrationSets[name],
    ]);
    return said.includes('{"phase":"expand","applied":[]}') ? [] : [`it said ${said}`];
  }

  /**
   * Ends the gateway while it has half of a request: the other half is still taken, answered, and then it ends by
   * itself.
   */
  async drains(): Promise<string[]> {
    const id = await this.compose(['ps', '--quiet', 'gateway']);
    const socket = connect(Number(this.env['GATEWAY_PORT']), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    // With 100-continue the server says that it has the head of the request, and waits for its body.
    socket.write(
      'POST /v1/orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n',
    );
    await until(() => answer.includes('100 Continue'), socket);
    const stopped = this.engine.docker(['stop', '-t', '30', id]);
    await this.refusesNewOnes();
    socket.write('{}');
    await Promise.all([until(() => /HTTP\/1\.1 4\d\d/.test(answer), socket), stopped]);
    socket.destroy();
    const code = await this.engine.docker(['inspect', '--format', '{{.State.ExitCode}}', id]);
    const log = await this.engine.docker(['logs', id]);
    return [
      ...(code === '0' ? [] : [`it ended with ${code}`]),
      ...(log.includes('"stopped"') ? [] : ['it did not say that it stopped']),
    ];
  }

  /** Ends and removes it, and says what is left of it. */
  async down(): Promise<string[]> {
    await this.compose(['down', '--volumes', '--timeout', '10'], 3);
    const mine = ['--filter', `label=com.docker.compose.project=${this.project}`];
    const left = await Promise.all(
      [
        ['ps', '-aq', ...mine],
        ['volume', 'ls', '-q', ...mine],
        ['network', 'ls', '-q', ...mine],
      ].map((args) => this.engine.docker(args)),
    );
    return left.flatMap((ids) => ids.split('\n').filter(Boolean)).map((id) => `${id} is left`);
  }

  private async refusesNewOnes(): Promise<void> {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
      const ready = await fetch(`${this.address.gateway}/health/ready`, { signal: AbortSignal.timeout(1_000) }).then(
        ({ ok }) => ok,
        () => false,
      );
      if (!ready) return;
    }
    throw new Error('The gateway is still ready after SIGTERM.');
  }

  private compose(args: string[], minutes = 3): Promise<string> {
    // No .env of this clone's: its secrets and profiles are somebody else's.
    return this.engine.docker(['compose', '-p', this.project, '--env-file', '/dev/null', ...args], {
      env: this.env,
      minutes,
    });
  }
}

async function until(holds: () => boolean, socket: Socket): Promise<void> {
  for (const deadline = Date.now() + 30_000; !holds(); await sleep(20)) {
    if (socket.destroyed || Date.now() > deadline)
      throw new Error('The gateway closed the connection, or did not answer in 30 s.');
  }
}
