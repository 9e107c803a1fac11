/** Fetches as the world does, without following redirects. */
export type Fetch = (url: URL, init?: RequestInit) => Promise<Response>;

/** Somebody with a browser: cookies, redirects and one form at a time. */
export class Visitor {
  private readonly cookies = new Map<string, string>();
  html = '';

  /** `leavesTo` begins every address of an application: there the browser stops. */
  constructor(
    private readonly fetch: Fetch,
    public at: URL,
    private leavesTo: readonly string[],
  ) {}

  /** Follows redirects until a page, or until an application's own address. */
  async open(url: URL, init: RequestInit = {}): Promise<number> {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    const response = await this.fetch(url, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), accept: 'text/html', cookie },
    });
    for (const [name = '', value = ''] of response.headers.getSetCookie().map((line) => line.split(';')[0]!.split('=')))
      this.cookies.set(name, value);
    const to = response.headers.get('location');
    [this.at, this.html] = [to ? new URL(to, url) : url, await response.text()];
    return to && !this.leavesTo.some((address) => to.startsWith(address)) ? this.open(this.at) : response.status;
  }

  /** Sends the form that is shown, with what is hidden in it. */
  send(fields: Record<string, string>, page = this.at, headers: Record<string, string> = {}): Promise<number> {
    const hidden = Object.fromEntries(
      [...this.html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
    );
    const action = /<form[^>]* action="([^"]+)"/.exec(this.html)?.[1];
    return this.open(action ? new URL(action, page) : page, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ ...hidden, ...fields }),
    });
  }

  /** Sends the form and goes no further; where the answer leads. */
  async halt(fields: Record<string, string>): Promise<URL> {
    const { leavesTo } = this;
    this.leavesTo = [''];
    await this.send(fields);
    this.leavesTo = leavesTo;
    return this.at;
  }

  /** Whether a site has set this cookie. */
  has(cookie: string): boolean {
    return Boolean(this.cookies.get(cookie));
  }

  /** A browser that stands where this one does. */
  twin(): Visitor {
    const twin = new Visitor(this.fetch, this.at, this.leavesTo);
    for (const [name, value] of this.cookies) twin.cookies.set(name, value);
    twin.html = this.html;
    return twin;
  }
}
