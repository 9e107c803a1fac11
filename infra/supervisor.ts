import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Processes, RunningProcess } from './processes.ts';
import { untilReady } from './servers/start.ts';

/** A process that is to run until it is stopped: started again, after a growing pause, whenever it dies by itself. */
export class Supervised {
  /** How often it was started again because it died. */
  restarts = 0;
  private current: RunningProcess | undefined;
  private wanted = false;

  constructor(
    private readonly processes: Processes,
    private readonly command: () => Command,
    private readonly isReady: () => Promise<void>,
    private readonly say: (line: string) => void,
  ) {}

  get name(): string {
    return this.command().name;
  }

  get pid(): number | undefined {
    return this.current?.pid;
  }

  /**
   * Resolves when it is ready. A death before that is a failure, told with the end of its log: it would only die again.
   */
  async start(): Promise<void> {
    this.wanted = true;
    const began = await this.launch();
    await untilReady(began, this.isReady, this.command().log);
    this.revive(began).catch(
      (error: Error) => this.processes.stopping || this.say(`${this.name} stays down: ${error.message}`),
    );
  }

  /** Resolves when it answers, started again or not. */
  async untilReady(deadline = 60_000): Promise<void> {
    for (const until = Date.now() + deadline; ; await sleep(30)) {
      try {
        return await this.isReady();
      } catch (error) {
        if (Date.now() > until) throw error;
      }
    }
  }

  /** Sends a signal, as an accident would. Resolves when a deadly one has killed it; it is then started again. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const victim = this.current;
    victim?.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await victim?.exited;
  }

  /** Ends it in good order; it stays down until start(). */
  async stop(deadline?: number): Promise<void> {
    this.wanted = false;
    await this.current?.stop(deadline);
  }

  private async launch(): Promise<RunningProcess> {
    const began = await this.processes.start(this.command());
    this.current = began;
    // Stopped meanwhile: then there was nothing yet to stop.
    if (!this.wanted) await began.stop();
    return began;
  }

  private async revive(began: RunningProcess): Promise<void> {
    for (let pause = 100; ; ) {
      const since = Date.now();
      const { code, signal } = await began.exited;
      if (!this.wanted || this.processes.stopping) return;
      pause = Date.now() - since > 10_000 ? 100 : Math.min(pause * 2, 5_000);
      this.say(`${this.name} died (${signal ?? `exit code ${code}`}); starting it again`);
      await sleep(pause);
      if (!this.wanted) return;
      this.restarts += 1;
      began = await this.launch();
    }
  }
}

/** Resolves when the service at that URL says that it is ready. */
export async function isReady(url: string): Promise<void> {
  const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) });
  const answer = await response.text();
  if (!response.ok) throw new Error(answer);
}
