import { Readable } from 'node:stream';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { startBaseBackup, type BaseBackup } from '../../foundation/postgres/base-backup.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { sealFile } from './container.ts';
import { epochEntry, labelOf, newEpoch, type Epoch } from './epochs.ts';
import { noteFailure } from './failure.ts';
import { forgetManifestsBefore, keepManifest } from './kept-manifest.ts';
import { baseObject, storeKey } from './names.ts';
import { teller, type BackupObservation } from './observations.ts';
import { findParent, type ServerFacts } from './parent.ts';
import { readRecipients } from './recovery-key.ts';
import { openWriter } from './catalog/append.ts';
import { prunedFrom } from './catalog/view.ts';
import {
  objectKey,
  readCatalogues,
  recordKey,
  type BackupEntry,
  type BackupRecord,
  type Repository,
} from './repository.ts';
import { openStaging } from './staging.ts';

/** `auto`: what changed since the newest backup where that can be told, and else everything. */
export type Extent = 'full' | 'incremental' | 'auto';

interface CreateInput {
  /** A superuser, by a road that allows replication. */
  readonly address: DatabaseAddress;
  readonly repository: Repository;
  /** Full unless told. */
  readonly extent?: Extent | undefined;
  /** Days after which `auto` copies everything again; 7 unless told. */
  readonly fullDays?: number | undefined;
}

export interface CreatedBackup extends BackupEntry {
  /** Why everything was copied where what changed would have done; in words. */
  readonly fullBecause?: string | undefined;
}

/**
 * Copies the cluster while it works, with the WAL that makes the copy consistent, sealed for the recovery keys: all of
 * it, or the blocks that changed since the newest backup. No data stands in clear on a disk; memory holds some megabytes.
 *
 * @throws VectabaseError BACKUP_KEY_MISSING, DATABASE_UNREACHABLE; INCREMENTAL_REFUSED for `incremental` that cannot be
 */
export async function createBackup(input: CreateInput, ctx: JobContext<BackupObservation>): Promise<CreatedBackup> {
  return noteFailure({ job: 'base', ...input }, ctx, async () => {
    try {
      return await copyCluster(input, ctx);
    } catch (error) {
      const code = error instanceof VectabaseError ? error.code : undefined;
      // Another process began one in the same second and was faster: the name is bound to the copy, so copy again. Or
      // the parent was pruned meanwhile: there will be another one, or none.
      if (code === 'OBJECT_EXISTS' || (code === 'INCREMENTAL_REFUSED' && input.extent === 'auto'))
        return copyCluster(input, ctx);
      throw error;
    }
  });
}

async function copyCluster(input: CreateInput, ctx: JobContext<BackupObservation>): Promise<CreatedBackup> {
  const { address, repository } = input;
  const { signal } = ctx;
  const startedAt = ctx.clock.now();
  const epoch = await newEpoch(await readRecipients(repository.home), startedAt);
  const server = await askServer(address);
  const { systemId, postgres } = server;
  const label = await freeLabel(repository, systemId, startedAt);
  const createdAt = new Date(startedAt).toISOString();
  const sealed = (name: 'base.tar' | 'manifest') => ({
    facts: { kind: 'base' as const, object: baseObject(label, name), systemId, postgres, createdAt },
    epoch,
  });

  const staging = await openStaging(repository.staging);
  let begun: BegunCopy | undefined;
  try {
    begun = await beginCopy(input, server, label, ctx);
    const { backup, parent, fullBecause } = begun;
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
      ...(parent === undefined ? {} : { parent }),
      startedAt: new Date(startedAt).toISOString(),
      finishedAt: new Date(finishedAt).toISOString(),
      start: backup.start,
      end,
      objects: [base, listing],
    };
    const files = [staging.file('base.tar.vbk'), staging.file('manifest.vbk')];
    await keepManifest(repository, record, manifest);
    await publish(repository, { record, files, epoch }, ctx);
    await forgetManifestsBefore(repository, record);
    return { ...record, signed: true, keySha256: epoch.fingerprint, fullBecause };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    await begun?.backup.close();
    await staging.remove();
  }
}

interface BegunCopy {
  readonly backup: BaseBackup;
  /** Label of the backup that it builds on. */
  readonly parent?: string;
  readonly fullBecause?: string;
}

/** A server that finds no summaries says so before it sends anything: then everything is asked for. */
async function beginCopy(
  { address, repository, extent = 'full', fullDays = 7 }: CreateInput,
  server: ServerFacts,
  label: string,
  ctx: JobContext<BackupObservation>,
): Promise<BegunCopy> {
  const name = { label: `vectabase ${label}` };
  if (extent === 'full') return { backup: await startBaseBackup(address, name) };
  const now = ctx.clock.now();
  const found = await findParent(repository, server, { fullDays, now, signal: ctx.signal });
  let fullBecause: string;
  if ('because' in found) {
    if (extent === 'incremental') throw refused(found.because);
    fullBecause = found.because;
  } else {
    try {
      const backup = await startBaseBackup(address, { ...name, parentManifest: found.manifest });
      return { backup, parent: found.entry.label };
    } catch (error) {
      const isRefusal = error instanceof VectabaseError && error.code === 'INCREMENTAL_REFUSED';
      if (!isRefusal || extent === 'incremental') throw error;
      fullBecause = error.message;
    }
  }
  ctx.observe({ event: 'backup.full.noted', id: label, reason: fullBecause });
  return { backup: await startBaseBackup(address, name), fullBecause };
}

function refused(because: string): VectabaseError {
  return new VectabaseError('INCREMENTAL_REFUSED', {
    message: `no incremental backup can be taken: ${because}`,
    hint: 'Take a full one: vectabase backup create --full.',
  });
}

/** Objects first, then what names them: a backup that was stopped in between never happened. */
async function publish(
  repository: Repository,
  { record, files, epoch }: { record: BackupRecord; files: readonly string[]; epoch: Epoch },
  { signal, clock }: JobContext<BackupObservation>,
): Promise<void> {
  const { store, home } = repository;
  const { version: _, systemId, ...facts } = record;
  const catalogues = record.parent === undefined ? [] : await readCatalogues({ ...repository, systemId }, signal);
  if (catalogues.some(({ documents }) => prunedFrom(documents, store.url).has(`base/${record.parent}`)))
    throw refused(`backup ${record.parent} was pruned meanwhile`);
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

async function askServer(address: DatabaseAddress): Promise<ServerFacts> {
  const session = await Session.open(address, { applicationName: 'vectabase backup' });
  try {
    const [row] = await session.rows<{ systemId: string; postgres: string; timeline: string; summarizes: boolean }>(
      `select system_identifier::text as "systemId", current_setting('server_version') as postgres,
         left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
         coalesce(current_setting('summarize_wal', true), 'off') = 'on' as summarizes
       from pg_control_system()`,
    );
    if (!row) throw new Error('the database does not tell which cluster it is');
    return { ...row, timeline: Number.parseInt(row.timeline, 16) };
  } finally {
    await session.close();
  }
}
