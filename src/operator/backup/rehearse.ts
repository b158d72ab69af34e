import { mkdtemp, realpath, rm, chmod, chown } from 'node:fs/promises';
import path from 'node:path';
import type { JobContext } from '../../foundation/core/observe.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { ResourceScope } from '../../foundation/core/release.ts';
import { prepareBinaries } from '../../foundation/postgres/embedded/binaries.ts';
import { startServer } from '../../foundation/postgres/embedded/server.ts';
import { SUPERUSER } from '../../foundation/postgres/installation.ts';
import { Session } from '../../foundation/postgres/session.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { canEnter, serviceUser } from '../../foundation/process/service-user.ts';
import type { BackupObservation } from './observations.ts';
import { restoreBackup } from './restore.ts';
import type { UnpackInput } from './unpack.ts';

interface RehearseInput extends UnpackInput {
  /** Where the scratch cluster is built; it needs as much room as the cluster. */
  readonly scratch: string;
}

/** What a rehearsal proved. */
export interface RehearsalReport {
  readonly label: string;
  readonly at: string;
  readonly bytes: number;
  /** Milliseconds until the files were back, and until Postgres answered. */
  readonly restoreMs: number;
  readonly startMs: number;
  readonly databases: readonly DatabaseProof[];
}

interface DatabaseProof {
  readonly database: string;
  readonly tables: number;
  readonly rows: number;
  /** Indexes whose structure amcheck walked; undefined where the extension is absent. */
  readonly checkedIndexes: number | undefined;
}

/**
 * Restores a backup beside the running server, starts Postgres on it without any network, reads every row of every
 * table and takes it all away again.
 */
export async function rehearse(input: RehearseInput, ctx: JobContext<BackupObservation>): Promise<RehearsalReport> {
  const scope = new ResourceScope();
  try {
    const runAs = await serviceUser();
    const home = scope.add(await scratchDirectory(input.scratch, runAs), (directory) =>
      rm(directory, { recursive: true, force: true }),
    );
    const data = path.join(home, 'data');
    const restored = await restoreBackup({ ...input, into: data, owner: runAs, durable: false }, ctx);
    const began = ctx.clock.now();
    ctx.observe({ event: 'backup.start.started', id: input.entry.label });
    await replaceConfiguration(data, runAs);
    const server = scope.add(
      await startServer({
        binaries: await prepareBinaries({ runAs }),
        runAs,
        data,
        socketDirectory: home,
        port: PORT,
        listenAddresses: [],
        logFile: path.join(home, 'postgres.log'),
        signal: ctx.signal,
      }),
      (running) => running.stop(),
    );
    const startMs = ctx.clock.now() - began;
    ctx.observe({ event: 'backup.start.finished', id: input.entry.label, ms: startMs });
    const databases = await Promise.race([
      proveAll(home),
      server.exited.then(() => {
        throw new Error('the scratch server ended');
      }),
    ]);
    return {
      label: input.entry.label,
      at: new Date(ctx.clock.now()).toISOString(),
      bytes: restored.bytes,
      restoreMs: restored.ms,
      startMs,
      databases,
    };
  } finally {
    await scope.release();
  }
}

/** Nobody else sees the socket, so any number will do. */
const PORT = 5432;
/** Nothing of the copy may act on the world: no archive, no jobs, no replication, no triggers on login. */
const SETTINGS = {
  archive_mode: 'off',
  event_triggers: 'off',
  hot_standby: 'off',
  shared_buffers: '64MB',
  max_wal_senders: '0',
  fsync: 'off',
  wal_level: 'replica',
  max_replication_slots: '10',
};

/**
 * The cluster's own rules ask for passwords that a machine with nothing but the backup does not have; and its own
 * settings may name programs and libraries, which should not run because a backup was looked at.
 */
async function replaceConfiguration(data: string, owner: RunAs | undefined): Promise<void> {
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} = '${value}'\n`);
  await writeDurably(path.join(data, 'pg_hba.conf'), 'local all all trust\n', { owner });
  await writeDurably(path.join(data, 'postgresql.conf'), settings.join(''), { owner });
  for (const name of ['postgresql.auto.conf', 'recovery.signal', 'standby.signal']) {
    await rm(path.join(data, name), { force: true });
  }
}

async function scratchDirectory(parent: string, runAs: RunAs | undefined): Promise<string> {
  if (runAs && !(await canEnter(parent, runAs))) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `Postgres runs as ${runAs.name} here, and ${parent} is closed to that user`,
      hint: 'Name a directory that others may pass through: --scratch DIR.',
      details: { directory: parent },
    });
  }
  const directory = await realpath(await mkdtemp(path.join(parent, 'rehearsal-')));
  await chmod(directory, 0o700);
  if (runAs) await chown(directory, runAs.uid, runAs.gid);
  return directory;
}

async function proveAll(host: string): Promise<DatabaseProof[]> {
  const names = await withSession(host, 'postgres', async (session) =>
    session.rows<{ datname: string }>(
      'select datname from pg_database where datallowconn and not datistemplate order by 1',
    ),
  );
  const proofs: DatabaseProof[] = [];
  for (const { datname } of names)
    proofs.push(await withSession(host, datname, async (session) => prove(session, datname)));
  return proofs;
}

async function prove(session: Session, database: string): Promise<DatabaseProof> {
  const tables = await session.rows<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'm') and c.relpersistence = 'p' and c.relispopulated
        and n.nspname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  let rows = 0;
  for (const { name } of tables) {
    const [row] = await session.rows<{ rows: string }>(`select count(*)::text as rows from only ${name}`);
    rows += Number(row?.rows ?? 0);
  }
  return { database, tables: tables.length, rows, checkedIndexes: await checkIndexes(session) };
}

async function checkIndexes(session: Session): Promise<number | undefined> {
  const [available] = await session.rows(`select from pg_available_extensions where name = 'amcheck'`);
  if (!available) return undefined;
  await session.rows('create extension if not exists amcheck schema pg_catalog');
  const [row] = await session.rows<{ checked: number }>(
    `select count(bt_index_check(c.oid, true))::integer as checked
       from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
      where a.amname = 'btree' and i.indisvalid and c.relpersistence = 'p' and c.relkind = 'i'`,
  );
  return row?.checked ?? 0;
}

async function withSession<T>(host: string, database: string, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(
    {
      host,
      port: PORT,
      user: SUPERUSER,
      database,
      password: undefined,
      sslMode: 'disable',
      rootCertificate: undefined,
    },
    { applicationName: 'vectabase rehearsal' },
  );
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
