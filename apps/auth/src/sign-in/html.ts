import { createHash } from 'node:crypto';
import { scripts, scriptsPath } from '../passkeys/scripts.ts';

/** A piece of HTML whose inserted values are escaped already. */
export class Html {
  constructor(readonly text: string) {}
}

/** Markup with values put in as text. */
export function html(strings: TemplateStringsArray, ...values: (string | Html | Html[] | undefined)[]): Html {
  const inserted = values.map((value) =>
    value === undefined
      ? ''
      : value instanceof Html
        ? value.text
        : Array.isArray(value)
          ? value.map((item) => item.text).join('')
          : escaped(value),
  );
  return new Html(String.raw({ raw: strings }, ...inserted));
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (value: string) => value.replace(/[&<>"']/g, (character) => entities[character]!);

const style = `
:root { color-scheme: light dark; font: 1.05rem/1.5 system-ui, sans-serif }
body { max-width: 24rem; margin: 12vh auto; padding: 0 1rem }
label { display: block; margin-top: 1rem; font-weight: 600 }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid GrayText; border-radius: .3rem }
input[type=checkbox] { width: auto }
button { margin: 1.5rem 0 1rem; padding: .7rem 1.4rem; font: inherit; font-weight: 600 }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid Highlight; outline-offset: 2px }
[role=alert], .wrong { color: #b00020 }
@media (prefers-color-scheme: dark) { [role=alert], .wrong { color: #ff8a9a } }
`;
const styleHash = createHash('sha256').update(style).digest('base64');

/** A whole page: its status, its headers and its text. */
export interface Page {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface Frame {
  readonly status: number;
  readonly title: string;
  readonly heading?: string;
  /** Where an answer to the page's form leads in the end; a page without one has no form. */
  readonly leadsTo?: string;
  /** Whether the page uses passkeys, which takes our scripts. */
  readonly scripts?: boolean;
}

/**
 * Nothing but our own style runs or loads. `form-action` covers redirects too
 * (https://github.com/w3c/webappsec-csp/issues/8).
 */
export function page(
  { status, title, heading = title, leadsTo, scripts: scripted = false }: Frame,
  content: Html,
): Page {
  const formAction = leadsTo ? `'self' ${new URL(leadsTo).origin}` : `'none'`;
  // The path is the scripts' own: what else this origin serves is no script of a page.
  const scriptSource = scripted && leadsTo ? ` script-src ${new URL(leadsTo).origin}${scriptsPath};` : '';
  const loaded = scripted
    ? scripts.map(
        ({ name, integrity }) => html`<script src="${scriptsPath}${name}" integrity="${integrity}" defer></script>`,
      )
    : undefined;
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none';${scriptSource} style-src 'sha256-${styleHash}'; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    },
    body: html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${new Html(style)}</style>${loaded}</head>
<body><main><h1>${heading}</h1>${content}</main></body>
</html>
`.text,
  };
}
