/** Why a service did not start, as one sentence for whoever started it. The cause has the details. */
export class StartupFailure extends Error {
  override readonly name = 'StartupFailure';

  constructor(service: string, cause: unknown) {
    super(`${service} cannot start: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code, port, address } = cause as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') return `port ${port} on ${address} is in use.`;
  if (code === 'EACCES' && port !== undefined) return `port ${port} on ${address} needs rights this user has not.`;
  const sentence = cause.message.split('\n', 1)[0] ?? '';
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
