import { readFile, stat } from 'node:fs/promises';
import type { FlagdCore, MemoryStorage } from '@openfeature/flagd-core';
import type { Client, JsonValue, Provider } from '@openfeature/server-sdk';
import type { Logger } from '../service/logger.ts';
import { Recurring } from '../service/recurring.ts';
import type { Flags } from './flags.ts';

export interface FlagFileOptions {
  /** Definitions as flagd has them: https://flagd.dev/reference/flag-definitions/ */
  readonly path: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** How often the file is looked at, in ms: how long a switch takes to be noticed. */
  readonly everyMs?: number;
}

/**
 * Read whole rather than watched: a mounted ConfigMap changes by a link that watchers miss, and a file of this size is
 * read in 0.1 ms.
 */
const LOOK_EVERY_MS = 1_000;
const LARGEST_BYTES = 1_048_576;
/** What a validator has to say can be long. */
const LONGEST_TROUBLE = 500;

let opened = 0;

/**
 * Flags from a file, evaluated in this process by flagd's own rules, behind OpenFeature. A file that changes takes
 * effect at the next look; one that is missing or does not fit flagd's schema is told once and changes nothing: what
 * was last good stays, and before that nothing is on.
 */
export class FlagFile extends Recurring implements Flags {
  readonly #options: FlagFileOptions;
  readonly #storage: MemoryStorage;
  readonly #client: Client;
  #taken: string | undefined;
  #trouble: string | undefined;

  private constructor(options: FlagFileOptions, storage: MemoryStorage, client: Client) {
    super({ what: 'feature flags', everyMs: options.everyMs ?? LOOK_EVERY_MS, log: options.log });
    this.#options = options;
    this.#storage = storage;
    this.#client = client;
  }

  /** The file has been looked at when this resolves. What evaluates flags is loaded only by whoever has some. */
  static async open(options: FlagFileOptions): Promise<FlagFile> {
    const [{ OpenFeature }, flagd, { flagsInTraces }] = await Promise.all([
      import('@openfeature/server-sdk'),
      import('@openfeature/flagd-core'),
      import('./flags-in-traces.ts'),
    ]);
    // Interpreted, a rollout is evaluated twice as fast as compiled, and nothing in a file becomes code.
    const storage = new flagd.MemoryStorage(silent, { disableDynamicCodeGeneration: true });
    // Several services in one process have a file each, and OpenFeature is one for all of them.
    const domain = `flags-${++opened}`;
    await OpenFeature.setProviderAndWait(domain, providerOf(new flagd.FlagdCore(storage, silent)));
    const file = new FlagFile(options, storage, OpenFeature.getClient(domain).addHooks(flagsInTraces));
    await file.tick();
    return file;
  }

  isOn(flag: string, customer: string): Promise<boolean> {
    return this.#client.getBooleanValue(flag, false, { targetingKey: customer });
  }

  protected override async look(): Promise<void> {
    const { path: file, log } = this.#options;
    try {
      const text = await read(file);
      if (text !== this.#taken) {
        const changed = this.#storage.setConfigurations(text, true);
        this.#taken = text;
        log.info({ file, changed }, 'feature flags were read');
      }
      this.#trouble = undefined;
    } catch (error) {
      const trouble = (error as Error).message.slice(0, LONGEST_TROUBLE);
      if (trouble !== this.#trouble)
        log.warn(
          { file, trouble },
          'feature flags cannot be read: what was last good stays, and before that nothing is on',
        );
      this.#trouble = trouble;
    }
  }
}

async function read(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > LARGEST_BYTES) throw new Error(`${size} bytes are more than the ${LARGEST_BYTES} that are read`);
  return readFile(path, 'utf8');
}

/** Troubles are told by whoever looks, and evaluations by their traces. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function providerOf(flagd: FlagdCore): Provider {
  return {
    metadata: { name: 'flagd-file' },
    runsOn: 'server',
    resolveBooleanEvaluation: (...asked) => Promise.resolve(flagd.resolveBooleanEvaluation(...asked)),
    resolveStringEvaluation: (...asked) => Promise.resolve(flagd.resolveStringEvaluation(...asked)),
    resolveNumberEvaluation: (...asked) => Promise.resolve(flagd.resolveNumberEvaluation(...asked)),
    resolveObjectEvaluation: <T extends JsonValue>(
      ...[flag, otherwise, context]: Parameters<Provider['resolveObjectEvaluation']>
    ) => Promise.resolve(flagd.resolveObjectEvaluation(flag, otherwise as T, context)),
  };
}
