import { scoped, type ReadContext } from './context.ts';
import { readSeparateConstraints } from './separate.ts';

export interface Check {
  readonly oid: number;
  readonly quoted: string;
  readonly definition: string;
  /** False where it only comes from a parent, which then makes it. */
  readonly local: boolean;
  /** Cannot stand in CREATE TABLE: calls the user's functions, or is not valid. */
  readonly separate: boolean;
}

/**
 * CHECK constraints by table oid, ordered by name; and from 18 on NOT NULL constraints that are not valid, as the column
 * itself cannot say that.
 */
export async function readChecks(context: ReadContext): Promise<ReadonlyMap<number, readonly Check[]>> {
  const separate = await readSeparateConstraints(context);
  const rows = await scoped<{
    oid: number;
    rel: number;
    quoted: string;
    definition: string;
    local: boolean;
    valid: boolean;
  }>(
    context,
    `select k.oid, k.conrelid as rel, quote_ident(k.conname) as quoted, pg_get_constraintdef(k.oid) as definition,
       k.conislocal as local, k.convalidated as valid
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where (k.contype = 'c' or k.contype = 'n' and not k.convalidated) and c.relkind in ('r', 'p') and n.nspname = any($1)
     order by k.conrelid, k.conname collate "C"`,
  );
  const byTable = new Map<number, Check[]>();
  for (const { oid, rel, quoted, definition, local, valid } of rows) {
    const check = { oid, quoted, definition, local, separate: !valid || separate.has(oid) };
    const checks = byTable.get(rel);
    if (checks) checks.push(check);
    else byTable.set(rel, [check]);
  }
  return byTable;
}
