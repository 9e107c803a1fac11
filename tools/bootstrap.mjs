import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { takeLock } from '../infra/process-lock.mjs';
import { endWithReader, tidyThisProcess } from '../infra/shell-environment.mjs';
import { at, current, install, Obstacle, readOr, root, run, showing, stamp } from './install.mjs';

const scripts = {
  test: 'tools/test.ts',
  check: 'tools/check.ts',
  generate: 'tools/generate.ts',
  format: 'tools/format.ts',
  practice: 'practices/cli.ts',
  bench: 'load-tests/cli.ts',
  load: 'load-tests/load.ts',
  fault: 'practices/faults/cli.ts',
  security: 'practices/security/cli.ts',
  'k8s:check': 'infra/kubernetes/check.ts',
  images: 'tools/images/command.ts',
};
const infraCommands = ['start', 'stop', 'reset', 'doctor', 'order', 'login', 'trace', 'events', 'golden'];

/**
 * Prepares the tree and runs a command under Node 24: in this process when it is one, else in a child.
 * @param {string[]} args the command and its arguments
 */
export async function go([command = '', ...args]) {
  tidyThisProcess();
  endWithReader();
  const script = scripts[command] ?? (infraCommands.includes(command) ? 'infra/cli.ts' : undefined);
  const rest = scripts[command] ? args : [command, ...args];
  if (!script)
    return fail(
      new Obstacle(`There is no command "${command}": ${[...infraCommands, ...Object.keys(scripts)].join(', ')}.`),
    );
  const stopPassing = passSignalsOn();
  try {
    const node = node24();
    await prepare(node);
    process.env.PATH = dirname(node) + delimiter + process.env.PATH;
    if (node !== process.execPath) return await runUnder(node, [command, ...args]);
    stopPassing();
    process.argv.splice(1, process.argv.length, at(script), ...rest);
    await import('./ts.mjs');
    await import(pathToFileURL(at(script)).href);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  if (current.interruptedBy) process.exit({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[current.interruptedBy]);
  process.stderr.write(`${error instanceof Obstacle ? error.message : error.stack}\n`);
  process.exit(1);
}

function passSignalsOn() {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const handlers = signals.map((signal) => () => {
    current.interruptedBy = signal;
    const { child, patience } = current;
    child?.kill(signal);
    if (patience < Infinity) setTimeout(() => child?.kill('SIGKILL'), patience).unref();
  });
  signals.forEach((signal, index) => process.on(signal, handlers[index]));
  return () => signals.forEach((signal, index) => process.off(signal, handlers[index]));
}

/** This Node when it is new enough, else the one that the locked tree brings. */
function node24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const { optionalDependencies } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  if (name in optionalDependencies)
    return at('node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const here = `${process.platform}-${process.arch}`;
  throw new Obstacle(
    `The shop runs on Node 24; this is ${process.version}, and there is no packaged Node for ${here}.\nInstall Node 24 (nvm install 24, or https://nodejs.org) and start again.`,
  );
}

/** With the stamps in place this reads a few files and does nothing. */
async function prepare(node) {
  const wanted = `${hashOf(at('package-lock.json'))} ${process.platform}-${process.arch}`;
  const stale = () => readOr(stamp) !== wanted;
  const ungenerated = () =>
    schemas().filter(({ generated, mark, hash }) => !existsSync(generated) || readOr(mark) !== `${hash} ${wanted}`);
  if (!stale() && ungenerated().length === 0) return;
  const release = await lock();
  try {
    if (stale()) await install(wanted);
    if (!existsSync(node))
      throw new Obstacle(
        `The install left out Node 24 (${node}): remove node_modules and start again, or install Node 24 yourself.`,
      );
    const todo = ungenerated();
    if (todo.length > 0)
      await showing('Generating Prisma clients', Promise.all(todo.map((schema) => generate(node, schema, wanted))));
  } finally {
    release();
  }
}

/** Two starts of one clone at once: the second waits for what the first installs. */
async function lock() {
  mkdirSync(at('.cache'), { recursive: true });
  const since = Date.now();
  for (let told = false; ; await sleep(200)) {
    const lock = takeLock(at('.cache/bootstrap.lock'));
    if (lock.taken) return lock.release;
    if (current.interruptedBy) throw new Error('interrupted');
    if (!told && Date.now() - since > 500)
      process.stderr.write(`Another start (process ${lock.holder.pid}) prepares this clone; waiting for it.\n`);
    told ||= Date.now() - since > 500;
  }
}

function schemas() {
  return readdirSync(at('apps')).flatMap((app) => {
    const schema = at('apps', app, 'prisma/schema.prisma');
    return existsSync(schema)
      ? [{ schema, hash: hashOf(schema), generated: at('apps', app, 'src/generated'), mark: at('.cache/prisma', app) }]
      : [];
  });
}

async function generate(node, { schema, hash, mark }, wanted) {
  // Prisma wants to download an engine that generating a client never runs; told that it is there already, it does not.
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  };
  await run([node, at('node_modules/prisma/build/index.js'), 'generate', '--no-hints', '--schema', schema], { env });
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, `${hash} ${wanted}`);
}

/** The same once more, under the other Node. The child has a channel to us, so that it notices when we are killed. */
function runUnder(node, args) {
  const child = spawn(node, [at('tools/run.mjs'), ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  Object.assign(current, { child, patience: Infinity });
  return new Promise((_, reject) => {
    child.once('error', (error) =>
      reject(new Obstacle(`Node 24 does not run here (${error.message}). Install Node 24 yourself and start again.`)),
    );
    child.once('exit', (code, signal) => {
      process.removeAllListeners(signal ?? '');
      if (signal) process.kill(process.pid, signal);
      else process.exit(code ?? 1);
    });
  });
}

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
