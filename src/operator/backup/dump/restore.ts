import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import type { AgeIdentity } from '../../../foundation/crypto/age-keys.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { findTool } from '../../../foundation/postgres/system-binaries.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import { ident } from '../../../foundation/postgres/sql.ts';
import { toolEnvironment } from '../../../foundation/postgres/tool-environment.ts';
import { startPiped } from '../../../foundation/process/piped.ts';
import { labelOf } from '../epochs.ts';
import { teller, type BackupObservation } from '../observations.ts';
import type { Repository } from '../repository.ts';
import { countDatabase } from '../restore/proof.ts';
import { readCounts } from './counts.ts';
import { objectPart, type DumpEntry } from './create.ts';
import { openDumpPart } from './find.ts';
import { missingRoles } from './globals.ts';

interface RestoreDumpInput {
  readonly repository: Repository;
  readonly entry: DumpEntry & { readonly keySha256?: string | undefined };
  readonly identities: readonly AgeIdentity[];
  /** A superuser; which database does not matter. */
  readonly address: DatabaseAddress;
  readonly database: string;
  /** Asked before the restored database takes the name of the one that is there; undefined: it keeps its own. */
  readonly replace?: ((report: DumpRestored) => Promise<void>) | undefined;
}

export interface DumpRestored {
  readonly dump: string;
  /** The database that holds what was dumped. */
  readonly database: string;
  /** What was there, under its new name; null when nothing was replaced. */
  readonly kept: string | null;
  readonly tables: number;
  readonly rows: number;
  readonly ms: number;
}

/**
 * Restores a dump into a new database, counts its rows against the dump's own counts and, when that is wanted and
 * confirmed, lets it change names with the database that is there. Nothing is removed.
 *
 * @throws VectabaseError PROGRAM_FAILED, RESTORE_UNPROVEN, BACKUP_DAMAGED
 */
export async function restoreDump(input: RestoreDumpInput, ctx: JobContext<BackupObservation>): Promise<DumpRestored> {
  const { entry, database, address } = input;
  const began = ctx.clock.now();
  const stamp = labelOf(began).toLowerCase();
  const fresh = `${database.slice(0, 40)}_restored_${stamp}`;
  const admin = await Session.open({ ...address, database: 'template1' }, { applicationName: 'vectabase restore' });
  try {
    await addRoles(admin, input, ctx);
    await admin.script(`create database ${ident(fresh)} template template0`);
    try {
      await fill(input, fresh, ctx);
      const { tables, rows } = await prove(input, fresh, ctx);
      const report = { dump: entry.label, database: fresh, kept: null, tables, rows, ms: ctx.clock.now() - began };
      if (!input.replace) return report;
      await input.replace(report);
      return { ...report, database, kept: await changeNames(admin, database, fresh, stamp) };
    } catch (error) {
      await admin.script(`drop database if exists ${ident(fresh)} with (force)`).catch(() => undefined);
      throw ctx.signal.aborted ? ctx.signal.reason : error;
    }
  } finally {
    await admin.close();
  }
}

/**
 * Reads the table of contents of a dump with pg_restore, as level 3 of verification does.
 *
 * @returns entries in it
 */
export async function listDump(
  input: Omit<RestoreDumpInput, 'address' | 'replace'>,
  ctx: JobContext<BackupObservation>,
): Promise<number> {
  const { entry, database } = input;
  const tool = await findTool('pg_restore', majorOf(entry));
  const program = await startPiped([tool.path, '--list'], { signal: ctx.signal });
  const [listed] = await Promise.all([text(program.output), feed(input, `${objectPart(database)}.dump`, program, ctx)]);
  return listed.split('\n').filter((line) => line !== '' && !line.startsWith(';')).length;
}

async function fill(input: RestoreDumpInput, fresh: string, ctx: JobContext<BackupObservation>): Promise<void> {
  const { entry, address, database } = input;
  const tool = await findTool('pg_restore', majorOf(entry));
  const environment = await toolEnvironment({ ...address, database: fresh }, 'vectabase restore');
  try {
    const argv = [tool.path, '--exit-on-error', `--dbname=${fresh}`] as const;
    const program = await startPiped(argv, { env: environment.env, signal: ctx.signal });
    program.output.resume();
    await feed(input, `${objectPart(database)}.dump`, program, ctx);
  } finally {
    await environment.remove();
  }
}

async function feed(
  { repository, entry, identities }: Pick<RestoreDumpInput, 'repository' | 'entry' | 'identities'>,
  part: string,
  program: Awaited<ReturnType<typeof startPiped>>,
  ctx: JobContext<BackupObservation>,
): Promise<void> {
  const id = `${entry.label} ${part}`;
  const read = await openDumpPart(repository, entry, { part, identities, signal: ctx.signal });
  ctx.observe({ event: 'backup.dump.started', id });
  const tell = teller(ctx, (bytes) => ({ event: 'backup.dump.progress', id, bytes }));
  let bytes = 0;
  try {
    await read(async (plain) => {
      for await (const chunk of plain as AsyncIterable<Buffer>) {
        tell((bytes += chunk.length));
        // A program may have had enough (--list); what follows is read all the same, to authenticate it.
        if (!program.input.writable || program.input.write(chunk)) continue;
        const done = new AbortController();
        const wait = { signal: done.signal };
        await Promise.race([once(program.input, 'drain', wait), once(program.input, 'close', wait)]).catch(
          () => undefined,
        );
        done.abort();
      }
      program.input.end();
    });
  } catch (error) {
    program.input.destroy();
    // A program that ended early knows better why.
    await program.finished;
    throw error;
  }
  await program.finished;
  ctx.observe({ event: 'backup.dump.finished', id, bytes });
}

async function addRoles(admin: Session, input: RestoreDumpInput, ctx: JobContext<BackupObservation>): Promise<void> {
  const { repository, entry, identities } = input;
  const read = await openDumpPart(repository, entry, { part: 'globals.sql', identities, signal: ctx.signal });
  let sql = '';
  await read(async (plain: Readable) => {
    sql = await text(plain);
  });
  const roles = await admin.rows<{ rolname: string }>('select rolname from pg_roles');
  for (const line of missingRoles(sql, new Set(roles.map(({ rolname }) => rolname)))) await admin.script(line);
}

async function prove(
  { repository, entry, identities, address, database }: RestoreDumpInput,
  fresh: string,
  ctx: JobContext<BackupObservation>,
): Promise<{ tables: number; rows: number }> {
  const wanted = await readCounts(repository, entry, identities, ctx.signal);
  const session = await Session.open({ ...address, database: fresh }, { applicationName: 'vectabase restore' });
  try {
    const counts = await countDatabase(session, database);
    const wrong = Object.entries(wanted).filter(
      ([name, rows]) => name.startsWith(`${database}.`) && counts[name] !== rows,
    );
    if (wrong.length > 0) {
      throw new VectabaseError('RESTORE_UNPROVEN', {
        message: `${wrong.length} tables have other rows than were dumped: ${wrong
          .slice(0, 3)
          .map(([name, rows]) => `${name} ${counts[name] ?? 'none'} of ${rows}`)
          .join(', ')}`,
        hint: 'Nothing was replaced. Use another dump: vectabase backup list.',
        details: { tables: wrong.map(([name]) => name) },
      });
    }
    const rows = Object.values(counts);
    return { tables: rows.length, rows: rows.reduce((sum, each) => sum + each, 0) };
  } finally {
    await session.close();
  }
}

/** In one transaction: nobody can connect in between and find no database of that name. */
async function changeNames(admin: Session, database: string, fresh: string, stamp: string): Promise<string | null> {
  const kept = `${database.slice(0, 40)}_before_${stamp}`;
  const [there] = await admin.rows('select from pg_database where datname = $1', [database]);
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.rows('select pg_terminate_backend(pid) from pg_stat_activity where datname = any($1)', [
        [database, fresh],
      ]);
      const away = there ? `alter database ${ident(database)} rename to ${ident(kept)};` : '';
      await admin.script(`begin; ${away} alter database ${ident(fresh)} rename to ${ident(database)}; commit`);
      return there ? kept : null;
    } catch (error) {
      await admin.script('rollback').catch(() => undefined);
      // A pool of connections comes back faster than we rename.
      if (attempt === 20) throw error;
    }
  }
}

function majorOf({ postgres }: Pick<DumpEntry, 'postgres'>): number {
  return Number(postgres.split('.')[0]);
}
