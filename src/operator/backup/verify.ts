import type { JobContext } from '../../foundation/core/observe.ts';
import { asVectabaseError } from '../../foundation/core/errors.ts';
import { openWriter } from './catalog/append.ts';
import { readHead } from './catalog/home.ts';
import type { LinkedEntry } from './links.ts';
import type { BackupObservation } from './observations.ts';
import { skip, unpack, type UnpackInput } from './unpack.ts';

export interface VerifyReport {
  readonly label: string;
  readonly files: number;
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Opens a backup with the recovery key and compares every file with what the server had sent. What came out goes into
 * the catalogue, where it is one that is signed: retention keeps the newest that was found sound.
 *
 * @throws VectabaseError BACKUP_DAMAGED, SECRETS_KEY_WRONG
 */
export async function verifyBackup(input: UnpackInput, ctx: JobContext<BackupObservation>): Promise<VerifyReport> {
  const began = ctx.clock.now();
  const checked = await unpack(input, skip, ctx).catch(async (error: unknown) => {
    const { code } = asVectabaseError(error);
    // Another key, or a store that is away, says nothing of the backup.
    if (code === 'BACKUP_DAMAGED') await record(input, { ok: false, code }, ctx);
    throw error;
  });
  await record(input, { ok: true }, ctx);
  return { label: input.entry.label, ...checked, ms: ctx.clock.now() - began };
}

/** As `verifyBackup`, with all that an incremental backup builds on, the full one first. */
export async function verifyLinked(
  { entry, ancestors, ...input }: Omit<UnpackInput, 'entry'> & LinkedEntry,
  ctx: JobContext<BackupObservation>,
): Promise<VerifyReport> {
  const sum = { label: entry.label, files: 0, bytes: 0, ms: 0 };
  for (const link of [...ancestors, entry]) {
    const { files, bytes, ms } = await verifyBackup({ ...input, entry: link }, ctx);
    sum.files += files;
    sum.bytes += bytes;
    sum.ms += ms;
  }
  return sum;
}

/** Level 3 of docs/backup.md. Only the machine whose catalogue it is writes into it. */
async function record(
  { repository: { store, home }, entry }: UnpackInput,
  found: { readonly ok: true } | { readonly ok: false; readonly code: string },
  { clock, signal }: JobContext<BackupObservation>,
): Promise<void> {
  const { systemId, label } = entry;
  if (!entry.signed || !(await readHead(home, systemId, store))) return;
  const { append } = openWriter({ store, systemId, home, clock, signal });
  await append({ kind: 'verified', label, store: store.url, level: 3, by: 'recovery', ...found });
}
