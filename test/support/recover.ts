import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asVectabaseError, VectabaseError } from '../../src/foundation/core/errors.ts';
import { sleep } from '../../src/foundation/core/sleep.ts';
import type { AgeIdentity } from '../../src/foundation/crypto/age-keys.ts';
import type { ObjectStore } from '../../src/foundation/objects/store.ts';
import { prepareBinaries } from '../../src/foundation/postgres/embedded/binaries.ts';
import { startServer } from '../../src/foundation/postgres/embedded/server.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { serviceUser } from '../../src/foundation/process/service-user.ts';
import { serveRestore } from '../../src/operator/backup/archive/restore-server.ts';
import type { Cluster } from '../../src/operator/backup/archive/spool.ts';
import type { CatalogueEntry } from '../../src/operator/backup/catalog/entries.ts';
import { openWith } from '../../src/operator/backup/epochs.ts';
import { parseLsn } from '../../src/operator/backup/names.ts';
import { readRecoveryKey } from '../../src/operator/backup/recovery-key.ts';
import type { BackupEntry, Repository } from '../../src/operator/backup/repository.ts';
import { restoreBackup } from '../../src/operator/backup/restore.ts';
import { listening } from './archive.ts';
import type { TestCluster } from './cluster.ts';

interface Recovery {
  /** Whose copy it is: port and login are taken from it. */
  readonly cluster: TestCluster;
  readonly base: { readonly repository: Repository; readonly entry: BackupEntry; readonly keyFile: string };
  readonly wal: {
    readonly store: ObjectStore;
    readonly facts: Cluster;
    readonly identities: readonly AgeIdentity[];
    /** What the catalogue says. */
    readonly entries: readonly CatalogueEntry[];
  };
  readonly table: string;
}

/** Restores a base, replays all WAL there is and counts the rows of a table; or tells how the recovery ended. */
export async function recoverCopy({
  cluster,
  base,
  wal,
  table,
}: Recovery): Promise<{ rows: string } | { ended: string; because: string | undefined }> {
  const owner = await serviceUser();
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-r-'));
  const data = path.join(directory, 'data');
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const identities = await readRecoveryKey(base.keyFile);
  await restoreBackup({ ...base, identities, into: data, owner, durable: false }, listening());
  await writeFile(path.join(data, 'recovery.signal'), '');
  await writeFile(path.join(data, 'postgresql.auto.conf'), '');
  const { systemId, segmentBytes } = wal.facts;
  const source = { store: wal.store, systemId, segmentBytes, opener: openWith(wal.identities) };
  const restore = await serveRestore(
    {
      ...source,
      epochs: new Set(wal.entries.flatMap((each) => (each.kind === 'epoch' ? [each.keySha256] : []))),
      ranges: wal.entries.flatMap((each) =>
        each.kind === 'wal'
          ? [{ timeline: each.timeline, start: parseLsn(each.start) ?? 0n, end: parseLsn(each.end) ?? 0n }]
          : [],
      ),
      directory: path.join(directory, 'socket'),
      owner,
    },
    listening(),
  );
  try {
    const server = await startServer({
      binaries: await prepareBinaries({ runAs: owner }),
      runAs: owner,
      data,
      socketDirectory: directory,
      port: cluster.port,
      listenAddresses: [],
      logFile: path.join(directory, 'postgres.log'),
      // Not before the end of the archive: a recovery that is ended early must not have been seen as a server.
      settings: { restore_command: restore.command, archive_mode: 'off', hot_standby: 'off' },
    }).catch((error: unknown) => asVectabaseError(error));
    if (server instanceof VectabaseError) return { ended: server.code, because: restore.failure()?.code };
    try {
      const copy = await Session.open({ ...cluster.adminAddress, host: directory }, { applicationName: 'restored' });
      const [row] = await copy.rows<{ rows: string }>(`select count(*)::text as rows from ${table}`);
      await copy.close();
      return { rows: row?.rows ?? '' };
    } finally {
      await server.stop();
    }
  } finally {
    await restore.close();
    rmSync(directory, { recursive: true });
  }
}

/** Waits until everything that was written so far is archived. */
export async function untilArchived(session: Session): Promise<void> {
  let [wanted, last] = ['', ''];
  for (let attempt = 0; attempt < 2_400; attempt++) {
    // Again after a while: an archiver that failed three times rests for a minute, or until there is something new.
    if (attempt % 60 === 0) {
      await session.rows(`select pg_logical_emit_message(true, 'test', 'something to switch away from')`);
      const [row] = await session.rows<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
      if (wanted === '') wanted = row?.name ?? '';
    }
    const [row] = await session.rows<{ last: string | null }>('select last_archived_wal as last from pg_stat_archiver');
    last = row?.last ?? '';
    if (last >= wanted) return;
    await sleep(50);
  }
  throw new Error(`${wanted} was not archived, the last one was ${last}`);
}
