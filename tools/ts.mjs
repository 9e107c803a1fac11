/**
 * Runs TypeScript sources directly: `node --import ./tools/ts.mjs apps/orders/src/main.ts`. Node's own type stripping
 * cannot run decorators, so SWC compiles each file once and keeps the result under .cache/swc, named by the hash of its
 * content: a second start compiles nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, registerHooks, setSourceMapsSupport } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc-options.mjs';

const require = createRequire(import.meta.url);
const cache = fileURLToPath(new URL('../.cache/swc', import.meta.url));
const salt = JSON.stringify(swcOptions) + require('@swc/core/package.json').version;
mkdirSync(cache, { recursive: true });

registerHooks({
  // Packages of this workspace offer their sources under the condition "source".
  resolve: (specifier, context, next) => next(specifier, { ...context, conditions: [...context.conditions, 'source'] }),
  load(url, context, next) {
    if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/')) return next(url, context);
    const file = fileURLToPath(url);
    const text = readFileSync(file, 'utf8');
    const kept = join(cache, `${createHash('sha1').update(salt).update(file).update(text).digest('hex')}.mjs`);
    if (existsSync(kept)) return { format: 'module', source: readFileSync(kept, 'utf8'), shortCircuit: true };
    const { code } = require('@swc/core').transformSync(text, { ...swcOptions, filename: file, sourceMaps: 'inline' });
    // Written beside and renamed, so that two processes starting at once never read half a file.
    writeFileSync(`${kept}.${process.pid}`, code);
    renameSync(`${kept}.${process.pid}`, kept);
    return { format: 'module', source: code, shortCircuit: true };
  },
});
setSourceMapsSupport(true);
