import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { measured, type Context } from './apply.ts';
import type { ActionOutcome } from './model.ts';

interface Recorded extends Record<string, unknown> {
  readonly action: 'create' | 'drop';
  readonly schema: string;
  readonly table: string;
  readonly index: string;
  readonly definition: string;
  /** The index is there now. */
  readonly present: boolean;
  readonly partitioned: boolean;
}

export interface UndoReport {
  readonly version: 1;
  readonly database: string;
  readonly undone: readonly ActionOutcome[];
}

/** Drops what `db advise --apply` made and makes again what it dropped, the newest first. Only what is on record. */
export async function undoAdvice(session: Session, database: string, context: Context): Promise<UndoReport> {
  const undone: ActionOutcome[] = [];
  for (const record of await recorded(session)) {
    const action = record.action === 'create' ? 'drop' : 'create';
    undone.push(await measured(session, { ...record, action }, context, async () => undo(session, record), '--undo'));
  }
  return { version: 1, database, undone };
}

async function undo(session: Session, record: Recorded): Promise<void> {
  const statement = undoing(record);
  if (statement !== null) await session.script(statement);
  await session.rows(
    'delete from vectabase.advised_indexes where action = $1 and schema_name = $2 and index_name = $3',
    [record.action, record.schema, record.index],
  );
}

/** Null when it is so already: the owner was quicker, or an earlier undo was killed. */
function undoing({ action, schema, index, definition, present, partitioned }: Recorded): string | null {
  if (action === 'drop')
    return present ? null : definition.replace(/^create (unique )?index /i, 'create $1index concurrently ');
  if (!present) return null;
  // Postgres has no CONCURRENTLY for partitioned ones; the lock is held for as long as it takes to unlink files.
  return `drop index ${partitioned ? '' : 'concurrently '}${ident(schema, index)}`;
}

async function recorded(session: Session): Promise<Recorded[]> {
  const [ledger] = await session.rows<{ there: boolean }>(
    `select to_regclass('vectabase.advised_indexes') is not null as there`,
  );
  if (ledger?.there !== true) return [];
  return session.rows<Recorded>(
    `select a.action, a.schema_name as schema, a.table_name as table, a.index_name as index, a.definition,
       c.oid is not null as present, coalesce(c.relkind = 'I', false) as partitioned
     from vectabase.advised_indexes a
     left join pg_catalog.pg_namespace n on n.nspname = a.schema_name
     left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = a.index_name and c.relkind in ('i', 'I')
     order by a.id desc`,
  );
}
