import type { FastifyRequest } from 'fastify';
import { HttpProblem } from './http-problem.ts';
import { targetOf } from './request-target.ts';

/** A name or an address, and the port behind it (RFC 3986 §3.2.2); no credentials. */
const authorities = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+?)\.?(?::\d*)?$/i;
const loopbackAddress = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const isLoopback = (name: string): boolean => loopbackAddress.test(name) || name.endsWith('.localhost');

/**
 * Who a public service is: the names by which it may be asked. Whoever asks for another was led here by somebody else's
 * name (DNS rebinding: a page of theirs would be of our origin to its browser), or wants their name to end in what we
 * make, keep or send. Ports are not compared: whoever forwards one knows why.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>;

  /** `names`: beside those of this machine to itself, which reach nobody else's. */
  constructor(names: readonly string[]) {
    this.#names = new Set(names.map((name) => name.toLowerCase()));
  }

  /** 421 (RFC 9110 §15.5.20), but for probes, which ask by the address of a pod; 400 where the Host is none. */
  refusal(request: FastifyRequest): HttpProblem | undefined {
    const { authority, route } = targetOf(request);
    // The host of an absolute form counts, not the header (RFC 9112 §3.2.2); a proxy that is trusted tells whom it was
    // asked for. HTTP/1.0 has none.
    const asked = authority ?? (request.headers.host === undefined ? undefined : request.host);
    if (asked === undefined || this.#names.has(asked)) return undefined;
    const name = authorities.exec(asked)?.[1]?.toLowerCase();
    if (name === undefined) return new HttpProblem(400, 'host-malformed', 'The Host is a name and a port.');
    if (this.#names.has(name) || isLoopback(name) || route?.startsWith('/health/')) return undefined;
    return new HttpProblem(421, 'misdirected-request', 'There is nobody of this name here.');
  }
}
