import { Readable } from 'node:stream';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { startBaseBackup } from '../../foundation/postgres/base-backup.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { sealFile } from './container.ts';
import { epochEntry, labelOf, newEpoch, type Epoch } from './epochs.ts';
import { noteFailure } from './failure.ts';
import { baseObject, storeKey } from './names.ts';
import { teller, type BackupObservation } from './observations.ts';
import { readRecipients } from './recovery-key.ts';
import { openWriter } from './catalog/append.ts';
import { objectKey, recordKey, type BackupEntry, type BackupRecord, type Repository } from './repository.ts';
import { openStaging } from './staging.ts';

interface CreateInput {
  /** A superuser, by a road that allows replication. */
  readonly address: DatabaseAddress;
  readonly repository: Repository;
}

/**
 * Copies the whole cluster while it works, with the WAL that makes the copy consistent, sealed for the recovery keys.
 * Nothing of it stands in clear on a disk; memory holds some megabytes.
 *
 * @throws VectabaseError BACKUP_KEY_MISSING, DATABASE_UNREACHABLE
 */
export async function createBackup(input: CreateInput, ctx: JobContext<BackupObservation>): Promise<BackupEntry> {
  return noteFailure({ job: 'base', ...input }, ctx, async () => {
    try {
      return await copyCluster(input, ctx);
    } catch (error) {
      // Another process began one in the same second and was faster: the name is bound to the copy, so copy again.
      if (error instanceof VectabaseError && error.code === 'OBJECT_EXISTS') return copyCluster(input, ctx);
      throw error;
    }
  });
}

async function copyCluster(input: CreateInput, ctx: JobContext<BackupObservation>): Promise<BackupEntry> {
  const { address, repository } = input;
  const startedAt = ctx.clock.now();
  const epoch = await newEpoch(await readRecipients(repository.home), startedAt);
  const { systemId, postgres } = await identify(address);
  const label = await freeLabel(repository, systemId, startedAt);
  const createdAt = new Date(startedAt).toISOString();
  const sealed = (name: 'base.tar' | 'manifest') => ({
    facts: { kind: 'base' as const, object: baseObject(label, name), systemId, postgres, createdAt },
    epoch,
  });

  const staging = await openStaging(repository.staging);
  const backup = await startBaseBackup(address, `vectabase ${label}`);
  const { signal } = ctx;
  try {
    const totalBytes = backup.estimatedBytes;
    ctx.observe({ event: 'backup.copy.started', id: label, totalBytes });
    const tell = teller(ctx, (bytes) => ({ event: 'backup.copy.progress', id: label, bytes, totalBytes }));
    const base = await sealFile(staging.file('base.tar.vbk'), backup.archive, sealed('base.tar'), { signal, tell });
    const { end, manifest } = await backup.finished;
    const source = Readable.from([manifest]);
    const listing = await sealFile(staging.file('manifest.vbk'), source, sealed('manifest'), { signal });
    const finishedAt = ctx.clock.now();
    ctx.observe({ event: 'backup.copy.finished', id: label, bytes: base.plainBytes, ms: finishedAt - startedAt });
    const record: BackupRecord = {
      version: 2,
      label,
      systemId,
      postgres,
      startedAt: new Date(startedAt).toISOString(),
      finishedAt: new Date(finishedAt).toISOString(),
      start: backup.start,
      end,
      objects: [base, listing],
    };
    const files = [staging.file('base.tar.vbk'), staging.file('manifest.vbk')];
    await publish(repository, { record, files, epoch }, ctx);
    return { ...record, signed: true, keySha256: epoch.fingerprint };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    await backup.close();
    await staging.remove();
  }
}

/** Objects first, then what names them: a backup that was stopped in between never happened. */
async function publish(
  repository: Repository,
  { record, files, epoch }: { record: BackupRecord; files: readonly string[]; epoch: Epoch },
  { signal, clock }: JobContext<BackupObservation>,
): Promise<void> {
  const { store, home } = repository;
  const { version: _, systemId, ...facts } = record;
  for (const [index, { object }] of record.objects.entries()) {
    await store.put(objectKey(record, object), files[index] ?? '', { signal });
  }
  await store.put(recordKey(record), Buffer.from(`${JSON.stringify(record, null, 2)}\n`), { signal });
  const { append } = openWriter({ store, systemId, home, clock, signal });
  await append(epochEntry(epoch));
  await append({ kind: 'base', ...facts, epoch: epoch.id });
}

/** A small cluster is copied twice in a second: the next one takes the second after it for its name. */
async function freeLabel({ store }: Repository, systemId: string, startedAt: number): Promise<string> {
  for (let time = startedAt; ; time += 1000) {
    const label = labelOf(time);
    if ((await store.stat(storeKey(systemId, baseObject(label, 'base.tar')))) === undefined) return label;
  }
}

async function identify(address: DatabaseAddress): Promise<{ systemId: string; postgres: string }> {
  const session = await Session.open(address, { applicationName: 'vectabase backup' });
  try {
    const [row] = await session.rows<{ system: string; postgres: string }>(
      `select system_identifier::text as system, current_setting('server_version') as postgres from pg_control_system()`,
    );
    return { systemId: row?.system ?? '', postgres: row?.postgres ?? '' };
  } finally {
    await session.close();
  }
}
