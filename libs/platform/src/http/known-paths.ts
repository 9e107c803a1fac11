/** Something that a running service answers. */
export interface Route {
  readonly method: string;
  /** A pattern of the router: `/orders/:id`, `/oidc/*`. */
  readonly url: string;
}

/** Which methods each path takes, so that a wrong method is answered with 405 and `Allow`, not with 404. */
export class KnownPaths {
  readonly #methods = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** `url` is a pattern of the router: `/orders/:id`, `/oidc/*`. */
  add(url: string, methods: readonly string[]): void {
    const known = this.#methods.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const method of methods) known.methods.add(method);
    this.#methods.set(url, known);
  }

  /** Everything that was added; HEAD goes with GET. */
  get routes(): Route[] {
    return [...this.#methods].flatMap(([url, { methods }]) =>
      [...methods].filter((method) => method !== 'HEAD').map((method) => ({ method, url })),
    );
  }

  /** Sorted; none when nothing is at that path. Slow, and only asked for what is refused anyway. */
  methodsOf(path: string): string[] {
    const known = [...this.#methods.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(known.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[^/]+/g, '[^/]+')
    .replaceAll('*', '[^/]+(?:/[^/]+)*');
  return new RegExp(`^${source}$`);
}
