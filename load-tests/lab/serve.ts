/**
 * The other side of child.ts: answers questions until the bench asks this process to end, or is gone. An error ends it,
 * and so the bench.
 */
export function serve<Question>(answer: (question: Question) => Promise<unknown>, close: () => Promise<unknown>): void {
  const end = () => {
    setTimeout(() => process.exit(1), 10_000).unref();
    void close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  process.on('message', ({ id, question }: { id: number; question: Question }) => {
    void answer(question).then(
      (value) => process.send?.({ id, answer: value }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.send?.({ id: 0 });
}

/** Says something unasked. */
export function tell(text: unknown): void {
  process.send?.({ text });
}

/** What this process has used since `start()`, for so many messages. */
export class Meter {
  #cpu = process.cpuUsage();
  #began = performance.now();

  start(): void {
    [this.#cpu, this.#began] = [process.cpuUsage(), performance.now()];
  }

  read(messages: number): { perSecond: number; cpuMicros: number; rssMiB: number } {
    const { user, system } = process.cpuUsage(this.#cpu);
    const rounded = (value: number) => Math.round(value * 10) / 10;
    return {
      perSecond: Math.round(messages / ((performance.now() - this.#began) / 1000)),
      cpuMicros: rounded((user + system) / messages),
      rssMiB: rounded(process.memoryUsage.rss() / 2 ** 20),
    };
  }
}
