import { isSqlState } from '../postgres/errors.ts';
import type { Session } from '../postgres/session.ts';
import { ident } from '../postgres/sql.ts';
import { inTransaction } from '../postgres/transaction.ts';
import { netstrings } from './binding.ts';
import type { SealedColumn } from './sealed-columns.ts';

/** Encrypted columns of one table, all at the same point of their way. */
export interface SealedTable {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly SealedColumn[];
  /** Columns of the primary key with their types. */
  readonly key: ReadonlyArray<{ readonly name: string; readonly type: string }>;
}

/** What becomes of a stored value, in bytes; `undefined` leaves it. */
export type Change = (stored: Buffer, column: SealedColumn, rowKey: string) => Promise<Buffer | undefined>;

export interface RewriteOptions {
  readonly change: Change;
  /** Called after each batch has committed. */
  readonly onBatch: (batch: { readonly rows: number; readonly changed: number }) => void;
  readonly signal: AbortSignal;
  /** Rows of one transaction. */
  readonly batch?: number;
}

/** Locks of so many rows last some 50 ms: nobody notices, and a kill loses no more work than that. */
const BATCH = 1_000;
const RETRIES = 5;

/**
 * Goes through a table by its primary key, from where `cursor` of vectabase.encrypted_columns stands, and rewrites its
 * encrypted columns. The cursor moves in the transaction that changes the rows; after the last row it is null again.
 * Needs a superuser: the table's own triggers do not fire.
 *
 * @returns values changed
 * @throws the signal's reason, between two batches
 */
export async function rewriteTable(session: Session, table: SealedTable, options: RewriteOptions): Promise<number> {
  let total = 0;
  for (let more = true; more;) {
    options.signal.throwIfAborted();
    const { rows, changed } = await retried(() => inTransaction(session, () => oneBatch(session, table, options)));
    total += changed;
    if (rows > 0) options.onBatch({ rows, changed });
    more = rows > 0;
  }
  return total;
}

type BatchRow = Record<`k${number}`, string> & Record<`v${number}`, string | null>;

async function oneBatch(
  session: Session,
  table: SealedTable,
  { change, batch = BATCH }: RewriteOptions,
): Promise<{ rows: number; changed: number }> {
  await session.script('set local session_replication_role = replica');
  const cursor = await readCursor(session, table);
  const rows = await session.rows<BatchRow>(selectSql(table, cursor !== null), [...(cursor ?? []), batch]);
  const changed = new Array<{ keys: string[]; values: Array<string | null> }>();
  let values = 0;
  for (const row of rows) {
    const keys = table.key.map((_, at) => row[`k${at}`] ?? '');
    const rowKey = netstrings(keys);
    const results: Array<string | null> = [];
    let touched = false;
    for (const [at, column] of table.columns.entries()) {
      const stored = row[`v${at}`] ?? null;
      const fresh = stored === null ? undefined : await change(Buffer.from(stored, 'hex'), column, rowKey);
      if (fresh !== undefined) values++;
      touched ||= fresh !== undefined;
      results.push(fresh?.toString('hex') ?? stored);
    }
    if (touched) changed.push({ keys, values: results });
  }
  if (changed.length > 0) await session.rows(updateSql(table), columnsOf(changed, table));
  const last = rows.at(-1);
  await writeCursor(session, table, last ? table.key.map((_, at) => last[`k${at}`] ?? '') : null);
  return { rows: rows.length, changed: values };
}

function selectSql({ schema, table, columns, key }: SealedTable, from: boolean): string {
  const names = key.map(({ name }) => ident(name)).join(', ');
  const cursor = key.map(({ type }, at) => `$${at + 1}::${type}`).join(', ');
  const some = columns.map(({ name }) => `${ident(name.column)} is not null`).join(' or ');
  const list = [
    ...key.map(({ name }, at) => `${ident(name)}::text as k${at}`),
    ...columns.map((column, at) => `encode(${bytesSql(column)}, 'hex') as v${at}`),
  ];
  return `select ${list.join(', ')} from ${ident(schema, table)} where (${some})
    ${from ? `and (${names}) > (${cursor})` : ''} order by ${names} limit $${from ? key.length + 1 : 1} for no key update`;
}

function bytesSql({ name, form }: SealedColumn): string {
  return form === 'bytea' ? ident(name.column) : `convert_to(${ident(name.column)}::text, 'UTF8')`;
}

function updateSql({ schema, table, columns, key }: SealedTable): string {
  const given = [...key.map((_, at) => `k${at}`), ...columns.map((_, at) => `v${at}`)];
  const set = columns.map(({ name, form }, at) => {
    const bytes = `decode(given.v${at}, 'hex')`;
    return `${ident(name.column)} = ${form === 'bytea' ? bytes : `convert_from(${bytes}, 'UTF8')`}`;
  });
  const match = key.map(({ name, type }, at) => `t.${ident(name)} = given.k${at}::${type}`);
  return `update ${ident(schema, table)} as t set ${set.join(', ')}
    from unnest(${given.map((_, at) => `$${at + 1}::text[]`).join(', ')}) as given (${given.join(', ')})
    where ${match.join(' and ')}`;
}

function columnsOf(rows: ReadonlyArray<{ keys: string[]; values: Array<string | null> }>, table: SealedTable) {
  return [
    ...table.key.map((_, at) => rows.map(({ keys }) => keys[at])),
    ...table.columns.map((_, at) => rows.map(({ values }) => values[at])),
  ];
}

async function readCursor(session: Session, { columns }: SealedTable): Promise<readonly string[] | null> {
  const [row] = await session.rows<{ cursor: readonly string[] | null }>(
    'select to_json(cursor) as cursor from vectabase.encrypted_columns where id = $1 for update',
    [columns[0]?.id],
  );
  return row?.cursor ?? null;
}

async function writeCursor(session: Session, { columns }: SealedTable, cursor: string[] | null): Promise<void> {
  await session.rows('update vectabase.encrypted_columns set cursor = $2::text[] where id = any ($1::int[])', [
    columns.map(({ id }) => id),
    cursor,
  ]);
}

/** Somebody else's transaction may stand in the way of a batch: it is done again. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= RETRIES || !isSqlState(error, '40P01', '40001', '55P03')) throw error;
    }
  }
}
