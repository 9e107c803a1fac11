/**
 * Ends this process in order when it is asked to (SIGTERM, SIGINT) and when the launcher that started it is gone: its
 * IPC channel closes however the launcher died, so a simulator is never left behind.
 */
export function endWithLauncher(close: () => Promise<void>): void {
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    // Whatever still hangs must not keep the process: nothing here is worth waiting for longer.
    setTimeout(() => process.exit(1), 5_000).unref();
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  process.on('disconnect', end);
}

/** Tells the launcher, where there is one, that requests are answered now, and where. */
export function announce(urls: Record<string, string>): void {
  process.send?.({ listening: urls });
  process.stdout.write(`${JSON.stringify({ msg: 'listening', ...urls })}\n`);
}
