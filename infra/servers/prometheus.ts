import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { onPath } from '../cache.ts';
import { freePorts } from '../ports.ts';
import type { State } from '../state.ts';
import { fromDebian, hasDebian } from './debian.ts';
import { untilReady } from './start.ts';

const rules = fileURLToPath(new URL('../observability/rules.yml', import.meta.url));
const PORT = 19_090;

/** Why this machine can have no promtool; undefined when it can. */
export const promtoolObstacle = (): string | undefined =>
  onPath('promtool') || hasDebian()
    ? undefined
    : 'promtool comes with Prometheus, which is not installed, and this is no Debian from whose packages it could be unpacked.';

/** Prometheus' tool that checks rules and plays series to them: of this machine, else from its Debian package. */
export async function promtool(state: State): Promise<string> {
  return onPath('promtool') ?? join((await fromDebian(state, 'prometheus')).folder, 'usr/bin/promtool');
}

/** Whether this machine has Prometheus; it is not fetched for a start. */
export const hasPrometheus = (): boolean => onPath('prometheus') !== undefined;

/**
 * Prometheus over these addresses, by the service that each belongs to, with the shop's rules. Resolves with its own
 * address when it answers.
 */
export async function startPrometheus(
  state: State,
  targets: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const home = join(state.folder, 'prometheus');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  // Rules are named by a pattern, which the path of a clone might be taken for: a copy lies beside its settings.
  copyFileSync(rules, join(home, 'rules.yml'));
  writeFileSync(join(home, 'prometheus.yml'), stringify(configuration(targets)));
  const [port] = (await freePorts([PORT])) as [number];
  const url = `http://127.0.0.1:${port}`;
  const log = join(state.folder, 'logs/prometheus.log');
  const args = [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    '--storage.tsdb.retention.time=1d',
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const server = await state.processes.start({
    name: 'prometheus',
    command: onPath('prometheus')!,
    args,
    log,
    cwd: home,
  });
  await untilReady(server, () => prometheusAnswers(url), log);
  return url;
}

/** A job for each service, so that rules and dashboards know it by its name. */
function configuration(targets: Readonly<Record<string, readonly string[]>>): object {
  return {
    global: { scrape_interval: '2s', evaluation_interval: '5s' },
    rule_files: ['rules.yml'],
    scrape_configs: Object.entries(targets).map(([job_name, addresses]) => ({
      job_name,
      static_configs: [{ targets: addresses }],
    })),
  };
}

async function prometheusAnswers(url: string): Promise<void> {
  const response = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`it answers ${response.status}`);
}
