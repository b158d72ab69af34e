import {
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  type Part,
  type ReadContext,
} from './context.ts';

/**
 * Foreign keys, without those that a partition has from its parent. Added NOT VALID and validated as a second
 * statement, so that the short lock and the long scan can be told apart; partitioned tables know NOT VALID only from
 * 18 on and get one statement.
 */
export async function readForeignKeys(context: ReadContext): Promise<Part> {
  type ForeignKeyRow = {
    oid: number;
    schema: string;
    table: string;
    name: string;
    definition: string;
    valid: boolean;
    partitioned: boolean;
  };
  const rows = await scoped<ForeignKeyRow>(
    context,
    `select k.oid, n.nspname as schema, ${qualified('n.nspname', 't.relname')} as "table",
       quote_ident(k.conname) as name, pg_get_constraintdef(k.oid) as definition, k.convalidated as valid,
       t.relkind = 'p' as partitioned
     from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_namespace n on n.oid = t.relnamespace
     where k.contype = 'f' and k.conparentid = 0 and t.relkind in ('r', 'p') and n.nspname = any($1)
       and ${notOfExtension(CLASS.relation, 't.oid')}`,
  );
  const drafts = rows.map((row) => {
    const only = row.partitioned ? '' : 'ONLY ';
    const add = `ALTER TABLE ${only}${row.table} ADD CONSTRAINT ${row.name} ${row.definition}`;
    const split = row.valid && !row.partitioned;
    return makeDraft({
      kind: 'foreign-key',
      identity: `${row.name} on ${row.table}`,
      schema: row.schema,
      table: row.table,
      definition: row.definition,
      create: split ? [`${add} NOT VALID`, `ALTER TABLE ${row.table} VALIDATE CONSTRAINT ${row.name}`] : [add],
      sqlName: `CONSTRAINT ${row.name} ON ${row.table}`,
      drop: `ALTER TABLE ${row.table} DROP CONSTRAINT ${row.name}`,
      address: address(CLASS.constraint, row.oid),
    });
  });
  return { drafts };
}
