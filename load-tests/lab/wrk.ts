import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onPath } from '@shop/infra/cache';
import { fromDebian, hasDebian } from '@shop/infra/debian';
import { Obstacle, type State } from '@shop/infra/state';
import { perRequest, runTool, type Watched } from './tool.ts';
import type { Round } from './versus.ts';

/** What is asked, over and over: GETs of these paths, or POSTs of these bodies to the first of them. */
export interface Plan {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly paths: readonly string[];
  readonly bodies?: readonly string[];
  readonly tokens?: readonly string[];
}

export interface Saturation {
  readonly seconds: number;
  readonly connections: number;
  /** Whose processor time counts. */
  readonly processes: Watched;
}

const script = fileURLToPath(new URL('wrk.lua', import.meta.url));
/** Longer than a request may take anywhere. */
const TIMEOUT_SECONDS = 10;

/**
 * wrk keeps so many connections busy: what a side can do at most, for a fifth of what k6 would cost the machine itself.
 */
export class Wrk {
  private constructor(
    private readonly program: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly folder: string,
  ) {}

  /** From the PATH, else from Debian's package. */
  static async find(state: State): Promise<Wrk> {
    const folder = join(state.folder, 'wrk');
    mkdirSync(folder, { recursive: true });
    const there = onPath('wrk');
    if (there !== undefined) return new Wrk(there, process.env, folder);
    if (!hasDebian())
      throw new Obstacle(
        'This bench saturates with wrk, and there is none: install it (brew install wrk, apt-get install wrk).',
      );
    const { folder: unpacked, env } = await fromDebian(state, 'wrk');
    return new Wrk(join(unpacked, 'usr/bin/wrk'), env, folder);
  }

  async saturate(plan: Plan, { seconds, connections, processes }: Saturation): Promise<Round> {
    const file = join(this.folder, 'plan.lua');
    writeFileSync(file, lua(plan), { mode: 0o600 });
    const args = [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--timeout',
      `${TIMEOUT_SECONDS}s`,
      '--latency',
      '-s',
      script,
      plan.url,
    ];
    const env = { ...this.env, WRK_PLAN: file, WRK_KEYS: randomBytes(6).toString('hex') };
    const { output, spent } = await runTool(
      { program: this.program, args, env, patience: (seconds + 2 * TIMEOUT_SECONDS) * 1_000 },
      processes,
    );
    const said = /^result (.*)$/m.exec(output)?.[1];
    if (said === undefined) throw new Error(`wrk told no result:\n${output}`);
    const { requests, micros, failed, p50Micros, p99Micros } = JSON.parse(said) as Record<
      'requests' | 'micros' | 'failed' | 'p50Micros' | 'p99Micros',
      number
    >;
    const perSecond = Math.round((requests - failed) / (micros / 1e6));
    return {
      perSecond,
      failed,
      p50Ms: p50Micros / 1_000,
      p99Ms: p99Micros / 1_000,
      cpuMicros: perRequest(spent, requests),
    };
  }
}

/** The plan as a table of Lua. What a JSON string may hold, a Lua string in long brackets may, too. */
export function lua({ method, paths, bodies = [], tokens = [] }: Plan): string {
  const list = (values: readonly string[]) => `{ ${values.map((value) => `[==[${value}]==]`).join(', ')} }`;
  return `return { method = '${method}', paths = ${list(paths)}, bodies = ${list(bodies)}, tokens = ${list(tokens)} }\n`;
}
