import { Readable } from 'node:stream';
import { formatLsn, parseLsn, storeKey } from '../names.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { withResources } from '../../../foundation/core/release.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { findTool } from '../../../foundation/postgres/system-binaries.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import { toolEnvironment } from '../../../foundation/postgres/tool-environment.ts';
import { startPiped } from '../../../foundation/process/piped.ts';
import { readCluster } from '../archive/cluster.ts';
import { openWriter } from '../catalog/append.ts';
import type { EntryOf } from '../catalog/entries.ts';
import { sealFile, type SealedObject } from '../container.ts';
import { epochEntry, labelOf, newEpoch } from '../epochs.ts';
import { noteFailure } from '../failure.ts';
import { teller, type BackupObservation } from '../observations.ts';
import { readRecipients } from '../recovery-key.ts';
import type { Repository } from '../repository.ts';
import { countDatabase } from '../restore/proof.ts';
import { openStaging } from '../staging.ts';
import { COUNTS } from './counts.ts';

interface DumpInput {
  /** A superuser. */
  readonly address: DatabaseAddress;
  readonly repository: Repository;
}

export type DumpEntry = Omit<EntryOf<'dump'>, 'kind'> & { readonly systemId: string };

/** We compress what is sealed, three times as fast. */
const UNCOMPRESSED = ['--format=custom', '--compress=0'] as const;

/**
 * Dumps each database in the custom format of pg_dump, and roles with pg_dumpall, sealed on the way: nothing stands in
 * clear on a disk. Rows are counted in the very snapshot that is dumped, for what is restored later to be held against.
 *
 * @throws VectabaseError PRECONDITION_FAILED where pg_dump is missing, PROGRAM_FAILED, BACKUP_KEY_MISSING
 */
export async function createDump(input: DumpInput, ctx: JobContext<BackupObservation>): Promise<DumpEntry> {
  return noteFailure({ job: 'dump', ...input }, ctx, async () => dumpAll(input, ctx));
}

async function dumpAll(input: DumpInput, ctx: JobContext<BackupObservation>): Promise<DumpEntry> {
  const { address, repository } = input;
  const { signal, clock } = ctx;
  const began = clock.now();
  const epoch = await newEpoch(await readRecipients(repository.home), began);
  const label = labelOf(began);
  const { systemId, postgres } = await readCluster(address);
  const databases = await listDatabases(address);
  const major = Number(postgres.split('.')[0]);
  const tools = { dump: await findTool('pg_dump', major), globals: await findTool('pg_dumpall', major) };
  return withResources(async (scope) => {
    const staging = scope.add(await openStaging(repository.staging), (each) => each.remove());
    const files: string[] = [];
    const objects: SealedObject[] = [];
    const seal = async (name: string, source: Readable, tell?: (bytes: number) => void): Promise<void> => {
      const file = staging.file(`${objects.length}.vbk`);
      const object = `dump/${label}/${name}`;
      const header = { kind: 'dump' as const, object, systemId, postgres, createdAt: new Date(began).toISOString() };
      objects.push(await sealFile(file, source, { facts: header, epoch }, { signal, ...(tell ? { tell } : {}) }));
      files.push(file);
    };
    const run = async (database: string, argv: readonly [string, ...string[]], name: string): Promise<void> => {
      const environment = await toolEnvironment({ ...address, database }, 'vectabase dump');
      try {
        const program = await startPiped(argv, { env: environment.env, signal });
        program.input.end();
        const id = `${label} ${name}`;
        ctx.observe({ event: 'backup.dump.started', id });
        await seal(
          name,
          program.output,
          teller(ctx, (bytes) => ({ event: 'backup.dump.progress', id, bytes })),
        );
        await program.finished; // a dump that was cut ends its output like a whole one
        ctx.observe({ event: 'backup.dump.finished', id, bytes: objects.at(-1)?.plainBytes ?? 0 });
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      } finally {
        await environment.remove();
      }
    };
    const counts: Record<string, number> = {};
    let lsn: string | undefined;
    for (const database of databases) {
      const snapshot = scope.add(await holdSnapshot({ ...address, database }), (each) => each.close());
      lsn ??= snapshot.lsn;
      await run(
        database,
        [tools.dump.path, ...UNCOMPRESSED, `--snapshot=${snapshot.id}`],
        `${objectPart(database)}.dump`,
      );
      Object.assign(counts, await countDatabase(snapshot.session, database));
      await snapshot.close();
    }
    await run('postgres', [tools.globals.path, '--globals-only'], 'globals.sql');
    await seal(COUNTS, Readable.from([Buffer.from(JSON.stringify(counts))]));
    for (const [index, { object }] of objects.entries()) {
      await repository.store.put(storeKey(systemId, object), files[index] ?? '', { signal });
    }
    const entry = {
      label,
      postgres,
      startedAt: new Date(began).toISOString(),
      finishedAt: new Date(clock.now()).toISOString(),
      objects,
      databases,
      epoch: epoch.id,
      ...(lsn === undefined ? {} : { snapshotLsn: lsn }),
    };
    const { append } = openWriter({ store: repository.store, systemId, home: repository.home, clock, signal });
    await append(epochEntry(epoch));
    await append({ kind: 'dump', ...entry });
    return { systemId, ...entry };
  });
}

/** A part of a key: databases may be called anything. */
export function objectPart(database: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(database) ? database : `=${Buffer.from(database).toString('hex')}`;
}

/** A snapshot that stays while its session does; what is dumped of it and what is counted in it are the same. */
async function holdSnapshot(address: DatabaseAddress) {
  const session = await Session.open(address, { applicationName: 'vectabase dump' });
  try {
    await session.script('begin isolation level repeatable read, read only');
    const [row] = await session.rows<{ id: string; lsn: string }>(
      'select pg_export_snapshot() as id, pg_current_wal_lsn()::text as lsn',
    );
    const lsn = parseLsn(row?.lsn ?? '');
    if (!row || lsn === undefined) throw new Error('the server gave no snapshot');
    return { session, id: row.id, lsn: formatLsn(lsn), close: async () => session.close() };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function listDatabases(address: DatabaseAddress): Promise<string[]> {
  const session = await Session.open(address, { applicationName: 'vectabase dump' });
  try {
    const rows = await session.rows<{ datname: string }>(
      'select datname from pg_database where datallowconn and not datistemplate order by 1',
    );
    return rows.map(({ datname }) => datname);
  } finally {
    await session.close();
  }
}
