import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { createStatement } from './advise.ts';
import type { IndexAction } from './model.ts';
import { indexName } from './names.ts';

interface Part {
  readonly schema: string;
  readonly table: string;
  readonly partitioned: boolean;
}

/**
 * CREATE INDEX CONCURRENTLY does not work on a partitioned table: an index is made on the parent alone, then
 * concurrently on each partition, and attached; with the last one the parent's becomes valid. Every step is done only
 * where it is missing, so a killed run is continued by the next one.
 */
export async function buildPartitioned(
  session: Session,
  { schema, table, index, columns }: Pick<IndexAction, 'schema' | 'table' | 'index' | 'columns'>,
): Promise<void> {
  if ((await stateOf(session, schema, index)) === null) {
    await session.script(createStatement(index, { schema, table, partitioned: true }, columns));
  }
  for (const part of await partitionsWithout(session, { schema, table, index })) {
    const name = indexName(part.table, columns, await takenBy(session, part.schema, part.table));
    if (part.partitioned) await buildPartitioned(session, { ...part, index: name, columns });
    else {
      // A leaf that a killed build left INVALID is thrown away: only the parent may be completed piece by piece.
      const state = await stateOf(session, part.schema, name);
      if (state === 'invalid') await session.script(`drop index concurrently ${ident(part.schema, name)}`);
      if (state !== 'valid') await session.script(createStatement(name, part, columns));
    }
    await session.script(`alter index ${ident(schema, index)} attach partition ${ident(part.schema, name)}`);
  }
}

async function stateOf(session: Session, schema: string, index: string): Promise<'valid' | 'invalid' | null> {
  const [row] = await session.rows<{ valid: boolean }>(
    'select indisvalid as valid from pg_catalog.pg_index where indexrelid = to_regclass($1)',
    [ident(schema, index)],
  );
  return row === undefined ? null : row.valid ? 'valid' : 'invalid';
}

/** Direct partitions with no part of the index yet. */
async function partitionsWithout(
  session: Session,
  { schema, table, index }: Pick<IndexAction, 'schema' | 'table' | 'index'>,
): Promise<Part[]> {
  return session.rows<Part & Record<string, unknown>>(
    `select n.nspname::text as schema, c.relname::text as table, c.relkind = 'p' as partitioned
     from pg_catalog.pg_inherits h join pg_catalog.pg_class c on c.oid = h.inhrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where h.inhparent = to_regclass($1) and c.relkind in ('r', 'p') and not exists (
       select from pg_catalog.pg_inherits a join pg_catalog.pg_index i on i.indexrelid = a.inhrelid
       where a.inhparent = to_regclass($2) and i.indrelid = c.oid)
     order by c.oid`,
    [ident(schema, table), ident(schema, index)],
  );
}

/** Names that other tables' relations have; an index of this table by the wanted name is the one that was begun. */
async function takenBy(session: Session, schema: string, table: string): Promise<Set<string>> {
  const rows = await session.rows<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     left join pg_catalog.pg_index i on i.indexrelid = c.oid
     where n.nspname = $1 and i.indrelid is distinct from to_regclass($2)::oid`,
    [schema, ident(schema, table)],
  );
  return new Set(rows.map(({ name }) => name));
}
