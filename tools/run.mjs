/**
 * `node tools/run.mjs <command> …`: what every script in package.json calls. It needs nothing but Node 20 or newer: it
 * installs the locked tree when that is stale, generates what is generated, and goes on under Node 24. This file stays
 * readable for any Node, so that one that is too old gets a sentence and not a syntax error.
 */
const major = Number(process.versions.node.split('.')[0]);

if (major < 20) {
  console.error(
    `Node ${process.versions.node} is too old to begin with: use Node 20 or newer (the shop itself then runs on Node 24, which it brings along).`,
  );
  process.exit(1);
}
const { go } = await import('./bootstrap.mjs');
await go(process.argv.slice(2));
