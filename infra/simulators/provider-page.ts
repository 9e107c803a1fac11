import { moneyText } from '@shop/kernel';
import type { Knobs } from './provider-knobs.ts';
import type { LedgerRow } from './provider-ledger.ts';

const shown = 200;
const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string) => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);
const cells = (texts: string[], tag = 'td') =>
  `<tr>${texts.map((text) => `<${tag}>${escape(text)}</${tag}>`).join('')}</tr>`;

/** The provider's back office on one page: the newest rows of the ledger and how the provider behaves now. */
export function ledgerPage(rows: readonly LedgerRow[], knobs: Knobs): string {
  const lines = rows
    .slice(-shown)
    .reverse()
    .map((row) =>
      cells([
        String(row.number),
        row.at,
        row.entry,
        moneyText(row),
        `•••• ${row.lastFour}`,
        row.reason ?? '',
        row.reference,
        row.authorisationId,
      ]),
    );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Payment provider (simulated)</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222 } table { border-collapse: collapse }
  td, th { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; white-space: nowrap } pre { background: #f5f5f5; padding: 1rem }
</style>
<h1>Payment provider (simulated)</h1>
<p>The outside world: what the shop asked of it, newest first (${Math.min(rows.length, shown)} of ${rows.length} rows).</p>
<table>${cells(['#', 'at', 'entry', 'amount', 'card', 'reason', 'reference', 'authorisation'], 'th')}${lines.join('')}</table>
<h2>Knobs</h2>
<p>Make it slow, failing or silent with <code>PUT /knobs</code>; <code>{}</code> makes it well-behaved again.</p>
<pre>${escape(JSON.stringify(knobs, undefined, 2))}</pre>
</html>`;
}
