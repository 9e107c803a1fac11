import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What was fetched once for all clones of this user. Nothing in it is needed again after "rm -rf". */
export const cacheFolder = join(cacheHome(process.env['XDG_CACHE_HOME']), 'ablation');

/** As the XDG base directory specification has it: an empty or relative path counts as not set. */
export function cacheHome(given: string | undefined): string {
  if (given !== undefined && isAbsolute(given)) return given;
  try {
    return join(homedir(), '.cache');
  } catch {
    // Neither HOME nor the system says where a user without a name is at home.
    return fileURLToPath(new URL('../.cache', import.meta.url));
  }
}

/** The cached folder of that name. Made beside its place and renamed, so that it is there whole or not at all. */
export async function cached(name: string, make: (into: string) => Promise<void>): Promise<string> {
  const place = join(cacheFolder, name);
  if (existsSync(place)) return place;
  mkdirSync(dirname(place), { recursive: true });
  const fresh = mkdtempSync(`${place}.new-`);
  try {
    await make(fresh);
    try {
      renameSync(fresh, place);
    } catch (error) {
      if (!existsSync(place)) throw error; // else another clone was quicker
    }
    return place;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

export const isCached = (name: string): boolean => existsSync(join(cacheFolder, name));

/** The first program of that name on the PATH. */
export function onPath(program: string): string | undefined {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  const candidates = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((dir) => endings.map((ending) => join(dir, program + ending)));
  return candidates.find((file) => existsSync(file));
}
