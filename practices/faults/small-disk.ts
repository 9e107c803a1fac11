import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverUser } from '@shop/infra/state';

/** A file system of so many MiB at a folder, which can be filled up; it and everything in it is gone after `remove`. */
export class SmallDisk {
  private constructor(private readonly folder: string) {}

  /** Mounts it for the user that servers run as. */
  static mount(folder: string, mebibytes: number): SmallDisk {
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', folder]);
    const user = serverUser();
    if (user) chownSync(folder, user.uid, user.gid);
    return new SmallDisk(folder);
  }

  /** Why this machine cannot have one; undefined when it can. */
  static obstacle(): string | undefined {
    const probe = mkdtempSync(join(tmpdir(), 'small-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' });
      execFileSync('umount', [probe], { stdio: 'ignore' });
      return undefined;
    } catch {
      return 'A small file system has to be mounted: run it as root on Linux (in a container, with the capability SYS_ADMIN).';
    } finally {
      rmdirSync(probe);
    }
  }

  /** Takes all that is left. */
  fill(): void {
    const file = openSync(this.ballast, 'w');
    const block = Buffer.alloc(1 << 20);
    try {
      for (;;) writeSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Gives back what fill() took. */
  relieve(): void {
    rmSync(this.ballast, { force: true });
  }

  remove(): void {
    execFileSync('umount', ['--lazy', this.folder]);
  }

  private get ballast(): string {
    return join(this.folder, 'ballast');
  }
}
