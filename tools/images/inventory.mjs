/**
 * Says what is in the container that it runs in, as JSON: given to `node --input-type=module` there, so it knows
 * nothing of this tree.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';

const packages = [];
const look = (folder) => {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name === '@shop' || name.startsWith('.')) continue;
    if (name.startsWith('@') && !existsSync(`${folder}/${name}/package.json`)) look(`${folder}/${name}`);
    else {
      const { name: called, version } = JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8'));
      packages.push(`${called}@${version}`);
      look(`${folder}/${name}/node_modules`);
    }
  }
};
look('/shop/node_modules');

const writable = ['/shop', '/shop/main.mjs', '/usr/local/bin', '/etc'].filter((path) => {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
});
const tools = ['npm', 'npx', 'yarn', 'corepack', 'gcc', 'python3'].filter((tool) =>
  process.env.PATH.split(':').some((folder) => existsSync(`${folder}/${tool}`)),
);
console.log(
  JSON.stringify({
    user: process.getuid(),
    node: process.version,
    packages: [...new Set(packages)].sort(),
    bill: readFileSync('/shop/sbom.cdx.json', 'utf8'),
    writable,
    tools,
  }),
);
