/**
 * Tells a person what happens and how long it takes: a line for each thing done, with the time since the beginning; on
 * a terminal also one line at the bottom with what is still under way, its seconds ticking.
 */
export class Steps {
  private readonly began = performance.now();
  private readonly underWay = new Map<string, number>();
  private ticker: NodeJS.Timeout | undefined;
  private remindedAt = 0;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  /** Seconds since the beginning. */
  get elapsed(): number {
    return (performance.now() - this.began) / 1000;
  }

  /** Prints a line with the time. */
  readonly say = (line: string): void => {
    this.print(`${seconds(this.elapsed).padStart(8)}  ${line}`);
  };

  /** Prints a line as it is. */
  readonly print = (line: string): void => {
    this.clear();
    this.out.write(`${line}\n`);
    this.draw();
  };

  /** Shows that something is under way until it is done, then says what it came to and how long it took by itself. */
  async run<T>(title: string, work: Promise<T>, told: (value: T) => string | undefined): Promise<T> {
    const since = performance.now();
    this.underWay.set(title, since);
    this.ticker ??= setInterval(() => this.tick(), 100).unref();
    try {
      const value = await work;
      this.underWay.delete(title);
      const line = told(value);
      if (line !== undefined) this.say(`${line}  (${seconds((performance.now() - since) / 1000)})`);
      return value;
    } finally {
      this.underWay.delete(title);
      this.clear();
    }
  }

  /** Nothing is under way any more. */
  end(): void {
    this.underWay.clear();
    clearInterval(this.ticker);
    this.clear();
  }

  private tick(): void {
    if (this.underWay.size === 0) return;
    if (this.out.isTTY) return this.draw();
    // Where a line cannot be overwritten, a sign of life now and then.
    if (this.elapsed - this.remindedAt < 10) return;
    this.remindedAt = this.elapsed;
    this.say(`still under way: ${[...this.underWay.keys()].join(', ')}`);
  }

  private draw(): void {
    if (!this.out.isTTY || this.underWay.size === 0) return;
    const now = performance.now();
    const parts = [...this.underWay].map(([title, since]) => `${title} ${seconds((now - since) / 1000)}`);
    this.out.write(`\r\x1b[2K${`          ${parts.join(' · ')}`.slice(0, (this.out.columns ?? 80) - 1)}`);
  }

  private clear(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[2K');
  }
}

const seconds = (value: number) => `${value.toFixed(1)} s`;
