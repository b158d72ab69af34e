import type { Session } from '../../../foundation/postgres/session.ts';
import type { Scratch } from './scratch.ts';

/** What was found in one database of a restored copy. */
export interface DatabaseProof {
  readonly database: string;
  readonly tables: number;
  readonly rows: number;
  /** Indexes whose structure amcheck walked; undefined where the extension is absent. */
  readonly checkedIndexes: number | undefined;
}

/** Rows of each table, by `database.schema.table` with its names quoted where they must be. */
export type RowCounts = Readonly<Record<string, number>>;

/**
 * Reads every row of every table of a copy.
 *
 * @returns exact counts; a page that does not fit its checksum fails it
 */
export async function countRows(scratch: Scratch): Promise<RowCounts> {
  const counts: Record<string, number> = {};
  for (const database of await databases(scratch)) {
    await scratch.ask(database, async (session) => Object.assign(counts, await countDatabase(session, database)));
  }
  return counts;
}

/** All tables of the database that a session is in, as `countRows` names them. */
export async function countDatabase(session: Session, database: string): Promise<RowCounts> {
  const tables = await session.rows<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'm') and c.relpersistence = 'p' and c.relispopulated
        and n.nspname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await session.rows<{ rows: string }>(`select count(*)::text as rows from only ${name}`);
    counts[`${database}.${name}`] = Number(row?.rows ?? 0);
  }
  return counts;
}

/**
 * Walks every B-tree index and looks up every row in it. Needs a copy that takes writes; leaves no trace in it.
 *
 * @returns indexes by database; undefined where amcheck is not installed
 */
export async function checkIndexes(scratch: Scratch): Promise<Readonly<Record<string, number | undefined>>> {
  const checked: Record<string, number | undefined> = {};
  for (const database of await databases(scratch)) checked[database] = await scratch.ask(database, checkDatabase);
  return checked;
}

async function checkDatabase(session: Session): Promise<number | undefined> {
  const [available] = await session.rows(`select from pg_available_extensions where name = 'amcheck'`);
  if (!available) return undefined;
  await session.script('begin');
  await session.rows('create extension if not exists amcheck schema pg_catalog');
  const [row] = await session.rows<{ checked: number }>(
    `select count(bt_index_check(c.oid, true))::integer as checked
       from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
      where a.amname = 'btree' and i.indisvalid and c.relpersistence = 'p' and c.relkind = 'i'`,
  );
  await session.script('rollback');
  return row?.checked ?? 0;
}

async function databases(scratch: Scratch): Promise<string[]> {
  const rows = await scratch.ask('postgres', async (session) =>
    session.rows<{ datname: string }>(
      'select datname from pg_database where datallowconn and not datistemplate order by 1',
    ),
  );
  return rows.map(({ datname }) => datname);
}

/** Counts and checks, one line for each database. */
export function summarize(
  counts: RowCounts,
  indexes: Readonly<Record<string, number | undefined>>,
): readonly DatabaseProof[] {
  return Object.entries(indexes).map(([database, checkedIndexes]) => {
    const own = Object.entries(counts).filter(([name]) => name.startsWith(`${database}.`));
    return { database, tables: own.length, rows: own.reduce((sum, [, rows]) => sum + rows, 0), checkedIndexes };
  });
}
