import { HttpProblem } from './http-problem.ts';

/** JSON Merge Patch (RFC 7396), and the only language in which a PATCH is understood. */
export const mergePatch = 'application/merge-patch+json';

/**
 * 415 for a PATCH in another language, or a merge patch that comes by another method; `Accept-Patch` (RFC 5789) says
 * which it is.
 */
export function languageRefusal(method: string, contentType: string | undefined): HttpProblem | undefined {
  if (contentType === undefined) return undefined;
  const isPatch = contentType.split(';', 1)[0]?.trim().toLowerCase() === mergePatch;
  if (isPatch === (method === 'PATCH')) return undefined;
  const wanted = method === 'PATCH' ? mergePatch : 'application/json';
  const headers: Record<string, string> = method === 'PATCH' ? { 'accept-patch': mergePatch } : {};
  return new HttpProblem(415, 'unsupported-media-type', `Send ${wanted}.`, { headers });
}
