import type { JobContext } from '../../foundation/core/observe.ts';
import type { BackupObservation } from './observations.ts';
import { skip, unpack, type UnpackInput } from './unpack.ts';

export interface VerifyReport {
  readonly label: string;
  readonly files: number;
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Opens a backup with the recovery key and compares every file with what the server had sent. Writes nothing.
 *
 * @throws VectabaseError BACKUP_DAMAGED, SECRETS_KEY_WRONG
 */
export async function verifyBackup(input: UnpackInput, ctx: JobContext<BackupObservation>): Promise<VerifyReport> {
  const began = ctx.clock.now();
  const checked = await unpack(input, skip, ctx);
  return { label: input.entry.label, ...checked, ms: ctx.clock.now() - began };
}
