import { statfs } from 'node:fs/promises';
import { readRunningInstallation } from '../../../foundation/postgres/installation.ts';
import { locateTarget, resolveForeignTarget } from '../../../foundation/postgres/locate.ts';
import { holdsPassword, resolveSource } from './named.ts';
import type { MigrateEnds } from '../options.ts';

/** As the flags of the commands name them. */
export interface EndChoice {
  readonly dir: string;
  readonly source: string | undefined;
  readonly 'source-file': string | undefined;
  readonly 'target-file': string | undefined;
}

export interface Person {
  /** Undefined where nobody can be asked. */
  readonly ask: (() => Promise<string>) | undefined;
  readonly warn: (text: string) => void;
}

/** Both ends of a migration. The target is the running installation in `dir` unless another one is named. */
export async function locateEnds(choice: EndChoice, { ask, warn }: Person): Promise<MigrateEnds> {
  const target = await locateTarget(choice.dir, choice['target-file']);
  const source = await resolveSource({ url: choice.source, file: choice['source-file'], ask });
  if (choice.source !== undefined && holdsPassword(choice.source)) {
    warn(
      'warning: --source holds a password that other users of this machine can see in the process list; use VECTABASE_SOURCE_URL or --source-file',
    );
  }
  return { source, target };
}

/** Free bytes on the disk of the installation; null for a target elsewhere. */
export async function targetFreeBytes(dir: string, targetFile: string | undefined): Promise<number | null> {
  if ((await resolveForeignTarget(targetFile)) !== undefined) return null;
  const { bavail, bsize } = await statfs((await readRunningInstallation(dir)).directory);
  return bavail * bsize;
}
