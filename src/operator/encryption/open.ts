import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { openKeys, readStoredKeys } from '../../foundation/encryption/key-store.ts';
import { columnsIn, SealedColumns, type SealedColumn } from '../../foundation/encryption/sealed-columns.ts';
import type { SealedTable } from '../../foundation/encryption/rewrite.ts';
import { readColumnFacts } from '../../foundation/encryption/table-facts.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { sleep } from '../../foundation/core/sleep.ts';
import { lockHeld, notInstalled } from './words.ts';

/** 'vectaenc' as a number. */
const LOCK = '8531334420624236131';

/** Values pass as parameters here, so nothing that this session does may be logged. */
const QUIET = {
  log_statement: 'none',
  log_min_duration_statement: '-1',
  log_min_error_statement: 'panic',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  'auto_explain.log_min_duration': '-1',
  statement_timeout: '0',
  search_path: 'pg_catalog',
};

/**
 * A superuser's session that nothing is logged of, alone in its work where it `changes` something.
 *
 * @throws VectabaseError LOCK_HELD, PRECONDITION_FAILED
 */
export async function withDatabase<T>(
  target: DatabaseAddress,
  changes: boolean,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open(target, { applicationName: 'vectabase encryption', settings: QUIET });
  try {
    const [row] = await session.rows<{ installed: string | null }>(
      `select to_regclass('vectabase.encrypted_columns')::text as installed`,
    );
    if (typeof row?.installed !== 'string') throw notInstalled(target.database);
    if (changes) {
      const [lock] = await session.rows<{ taken: boolean }>(`select pg_try_advisory_lock(${LOCK}) as taken`);
      if (lock?.taken !== true) throw lockHeld(target.database);
    }
    return await body(session);
  } finally {
    await session.close();
  }
}

/** The encrypted columns with their keys. @throws VectabaseError MASTER_KEY_WRONG */
export async function openSealed(session: Session, masterKey: Buffer): Promise<SealedColumns> {
  const keys = await openKeys(await readStoredKeys(session), masterKey);
  return new SealedColumns(await columnsIn(async (text) => textOf(session, text)), keys);
}

export async function textOf(session: Session, text: string): Promise<string> {
  const [row] = await session.rows<Record<string, string | null>>(text);
  return Object.values(row ?? {})[0] ?? 'null';
}

/** Columns by their tables, with what the rewriting needs to know of each. */
export async function tablesOf(session: Session, columns: readonly SealedColumn[]): Promise<SealedTable[]> {
  const tables = new Map<string, SealedColumn[]>();
  for (const column of columns) {
    const key = JSON.stringify([column.name.schema, column.name.table]);
    tables.set(key, [...(tables.get(key) ?? []), column]);
  }
  const found: SealedTable[] = [];
  for (const list of tables.values()) {
    const [first] = list;
    const facts = first && (await readColumnFacts(session, first.name));
    if (first && facts)
      found.push({ schema: first.name.schema, table: first.name.table, columns: list, key: facts.key });
  }
  return found;
}

/** Daemons hear of a change by NOTIFY, and read the schema within 0.1 s of it; the rest is for a busy machine. */
export async function untilDaemonsKnow(signal: AbortSignal): Promise<void> {
  await sleep(1_500, signal);
}
