import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** What was fetched once for all clones of this user. Nothing in it is needed again after "rm -rf". */
export const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ablation');

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
  const candidates = (process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => endings.map((ending) => join(dir, program + ending)));
  return candidates.find((file) => existsSync(file));
}
