import { statfs } from 'node:fs/promises';
import { readRunningInstallation } from '../../../foundation/postgres/installation.ts';
import { locateTarget, resolveForeignTarget } from '../../../foundation/postgres/locate.ts';
import { holdsPassword, resolveSource } from './named.ts';
import type { MigrateEnds } from '../options.ts';

export interface LocateInput {
  readonly dir: string;
  readonly source: string | undefined;
  readonly sourceFile: string | undefined;
  readonly targetFile: string | undefined;
  readonly ask: (() => Promise<string>) | undefined;
}

/** Both ends of a migration. The target is the running installation in `dir` unless another one is named. */
export async function locateEnds(input: LocateInput): Promise<{ ends: MigrateEnds; warnings: readonly string[] }> {
  const target = await locateTarget(input.dir, input.targetFile);
  const source = await resolveSource({ url: input.source, file: input.sourceFile, ask: input.ask });
  const exposed = input.source !== undefined && holdsPassword(input.source);
  return {
    ends: { source, target },
    warnings: exposed
      ? [
          'warning: --source holds a password that other users of this machine can see in the process list; use VECTABASE_SOURCE_URL or --source-file',
        ]
      : [],
  };
}

/** Free bytes on the disk of the installation; null for a target elsewhere. */
export async function targetFreeBytes(dir: string, targetFile: string | undefined): Promise<number | null> {
  if ((await resolveForeignTarget(targetFile)) !== undefined) return null;
  const { bavail, bsize } = await statfs((await readRunningInstallation(dir)).directory);
  return bavail * bsize;
}
