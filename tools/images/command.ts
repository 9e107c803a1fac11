/** What `npm run images` does: tools/run.mjs prepares the tree and comes here. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '@shop/infra/program';
import { Obstacle } from '@shop/infra/state';
import { tellStory } from '@shop/infra/story';
import { linesOf, reportOutcomes, tallyOf, type Outcome } from '@shop/infra/test-report';
import { written } from './bill.ts';
import { buildImages } from './build.ts';
import { ComposedShop } from './compose-check.ts';
import { findEngine, type Engine } from './engine.ts';
import { endsEarly, faultsOf } from './image-check.ts';
import { contentsOf } from './pack.ts';
import { imageNames, type ImageName } from './programs.ts';
import { makeSecrets, shopVariables } from '@shop/infra/shop-secrets';

const usage = `npm run images <verb>

The images of the shop, and the shop of compose.yaml. The engine: of a kit (KIT_DIR, ../shared by default), else Docker.

  build [<name> …]  builds them, and lists them with their sizes: ${imageNames.join(', ')}
  sbom <folder>     writes the bill of materials of each, from the lockfile; no engine is needed
  secrets           makes the secrets that "docker compose up" needs, in .env, where there are none
  order             places one order in the shop that "docker compose up" started, and tells its story
  check             builds them, looks into each, and lives one life of the whole shop: up, healthy, an order, a drained stop, down, nothing left
`;

const saidOf = {
  made: 'Made .env with secrets for compose.yaml; Git ignores it. Next: docker compose up --build --wait',
  completed: '.env was there already and is kept; the secrets that this release wants, too, were added.',
  kept: '.env is there already, and is kept: Postgres has its passwords.',
};

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main([verb, ...names]: string[]): Promise<number> {
  if (verb === 'build') return withEngine((engine) => buildImages(engine, imagesOf(names), say));
  if (verb === 'check' && names.length === 0) return check();
  if (verb === 'sbom' && names.length === 1) return writeBills(names[0]!);
  if (verb === 'secrets') {
    say(saidOf[makeSecrets()]);
    return 0;
  }
  if (verb === 'order') return (await tellStory(shopOfCompose(), say)) ? 0 : 1;
  say(usage);
  return verb === '--help' ? 0 : 2;
}

function imagesOf(names: string[]): readonly ImageName[] {
  const unknown = names.find((name) => !imageNames.includes(name as ImageName));
  if (unknown !== undefined) throw new Obstacle(`There is no image "${unknown}": ${imageNames.join(', ')}.`);
  return names.length > 0 ? (names as ImageName[]) : imageNames;
}

function writeBills(folder: string): number {
  mkdirSync(folder, { recursive: true });
  for (const name of imageNames) writeFileSync(join(folder, `${name}.cdx.json`), written(contentsOf(name).bill));
  say(`${imageNames.length} bills of materials (CycloneDX) in ${folder}.`);
  return 0;
}

function shopOfCompose() {
  const {
    GATEWAY_PORT = '3000',
    PROVIDER_PORT = '3010',
    MAIL_PORT = '3011',
    KAFKA_PORT = '19092',
    PROVIDER_KEY = '',
  } = shopVariables();
  const at = (port: string) => `http://127.0.0.1:${port}`;
  const gateway = at(GATEWAY_PORT);
  return {
    gateway,
    issuer: `${gateway}/oidc`,
    provider: at(PROVIDER_PORT),
    providerKey: PROVIDER_KEY,
    mail: at(MAIL_PORT),
    bus: { BUS: 'kafka', KAFKA_BROKERS: `127.0.0.1:${KAFKA_PORT}` } as const,
  };
}

async function withEngine(work: (engine: Engine) => Promise<void>): Promise<number> {
  const engine = await findEngine();
  if (typeof engine === 'string') throw new Obstacle(`Images are built by an engine, and there is ${engine}.`);
  say(`  by ${engine.what}`);
  try {
    await work(engine);
    return 0;
  } finally {
    engine.close();
  }
}

/** The stage `images`: each step is counted; after one that fails, those that need it are not tried. */
async function check(): Promise<number> {
  const engine = await findEngine();
  if (typeof engine === 'string') {
    say(
      `  skipped: no engine: there is ${engine}. Specs check what images are made of; nobody has built or run them here.`,
    );
    return reportOutcomes(
      [],
      [{ test: 'images, and the shop of compose.yaml', reason: `no engine: there is ${engine}` }],
    );
  }
  say(`  by ${engine.what}`);
  const steps = new Steps();
  try {
    await steps.step('every image is built', () => buildImages(engine, imageNames, say));
    for (const name of imageNames)
      await steps.step(
        `${name}: not root, nothing to write to, no tools, and of packages what its bill and the lockfile say`,
        () => faultsOf(engine, name),
      );
    await steps.step('SIGTERM ends a first process that has no handler yet', () => endsEarly(engine));
    await lifeOf(await ComposedShop.prepare(engine), steps);
  } finally {
    engine.close();
  }
  say(tallyOf(steps.outcomes));
  return reportOutcomes(steps.outcomes);
}

async function lifeOf(shop: ComposedShop, steps: Steps): Promise<void> {
  try {
    if (!(await steps.step('docker compose up ends', () => shop.up()))) return;
    await steps.step('every container is healthy', () => shop.ailing());
    await steps.step('one order is confirmed, and its mail comes', async () =>
      (await shop.order(say)) ? [] : ['it was not'],
    );
    await steps.step('the image of a service migrates its database, as the Jobs of k8s/ have it', () =>
      shop.migrateAgain('orders'),
    );
    await steps.step('a request under way when SIGTERM comes is answered, then the gateway ends with 0', () =>
      shop.drains(),
    );
  } finally {
    await steps.step('docker compose down leaves nothing', () => shop.down());
  }
}

class Steps {
  readonly outcomes: Outcome[] = [];

  /** `work` says what is wrong, or throws. */
  async step(what: string, work: () => Promise<string[] | void>): Promise<boolean> {
    const faults = (await work().catch((error: Error) => [error.message])) ?? [];
    const outcome = { test: what, faults };
    for (const line of linesOf(outcome)) say(line);
    this.outcomes.push(outcome);
    return faults.length === 0;
  }
}

await runProgram(main);
