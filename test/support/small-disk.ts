import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../../src/foundation/process/run.ts';
import { isRoot, serviceUser } from '../../src/foundation/process/service-user.ts';

/** Mounting needs root. */
export const canMount = isRoot();

/** A file system of its own that can be filled and relieved. */
export interface SmallDisk {
  readonly path: string;
  /** Leaves `bytes` free. */
  fill(bytes: number): Promise<void>;
  relieve(): Promise<void>;
  unmount(): Promise<void>;
}

export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vd-'));
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', folder]);
  if (mounted.exitCode !== 0) throw new Error(mounted.stderr);
  const runAs = await serviceUser();
  if (runAs) await chown(folder, runAs.uid, runAs.gid);
  const filler = path.join(folder, 'filler');
  return {
    path: folder,
    async fill(bytes) {
      const { bavail, bsize } = await statfs(folder);
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - bytes))).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error; // somebody else was faster
        },
      );
    },
    relieve: async () => rm(filler, { force: true }),
    async unmount() {
      await run(['umount', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
