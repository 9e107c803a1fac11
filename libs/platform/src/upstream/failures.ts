const refused = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const reset = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** No connection came about, so nothing was sent: asking another instance is safe for any request. */
export function neverArrived(error: unknown): boolean {
  return refused.has(codeOf(error));
}

/** The connection broke under way: the other side may have done it all, or nothing. */
export function wasReset(error: unknown): boolean {
  return reset.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
