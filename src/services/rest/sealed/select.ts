import { ident } from '../../../foundation/postgres/sql.ts';
import type { SealedColumn } from '../../../foundation/encryption/sealed-columns.ts';
import type { Identity } from '../message.ts';
import type { Media } from '../parse/media.ts';
import type { Relation } from '../schema/model.ts';
import type { FieldContext } from '../sql/field.ts';
import { MARK } from './values.ts';

/** The encrypted columns of a relation, as far as they matter to whoever asks. */
export function sealedColumn(
  name: string,
  { cache, node }: Pick<FieldContext, 'cache' | 'node'>,
): SealedColumn | undefined {
  const { relation } = node;
  return relation && cache.sealed?.ofTable(relation.schema, relation.name)?.get(name);
}

/** As `sealedColumn`, when the role may read it: the others are given the envelope as it is. */
export function readableColumn(name: string, context: FieldContext): SealedColumn | undefined {
  const column = sealedColumn(name, context);
  return column?.readers.has(context.role ?? '') === true ? column : undefined;
}

/** Whether `alias.*` has to be spelt out, because a column of it is decrypted. */
export function hasSealed(context: FieldContext): boolean {
  const names = context.role === undefined ? [] : [...(context.node.relation?.columns.keys() ?? [])];
  return names.some((name) => readableColumn(name, context));
}

/** Whose eyes an answer is decrypted for. What the database itself makes of the rows would not keep the marks. */
export function readerOf({ role }: Identity, { format }: Pick<Media, 'format'>): string | undefined {
  return format === 'handler' || format === 'geojson' ? undefined : role;
}

/**
 * An encrypted value on its way to `revealAll`: between two marks, its column, its row's key and the envelope. The mark
 * is made anew for each request, so that nothing that stands in a table passes for one.
 */
export function valueSql(name: string, context: FieldContext): string | undefined {
  const column = readableColumn(name, context);
  if (!column) return undefined;
  const { alias } = context.node;
  const mark = `${context.params.once(MARK)}::text`;
  const text = column.form === 'bytea' ? `encode(${ident(alias, name)}, 'hex')` : ident(alias, name);
  const key = column.rowKey.map((part) => {
    const value = `${ident(alias, part)}::text`;
    return `octet_length(${value}) || ':' || ${value} || ','`;
  });
  return `(${[mark, `'${column.id}~'`, ...key, text, mark].join(' || ')})`;
}

/** The columns that the encrypted ones of a selection cannot be opened without. */
export function rowKeysOf(names: Iterable<string>, context: FieldContext): string[] {
  return [...names].flatMap((name) => readableColumn(name, context)?.rowKey ?? []);
}

/** `on conflict` looks at the blind index of an encrypted column. */
export function conflictTarget(relation: Relation, name: string, context: FieldContext): string {
  const column = sealedColumn(name, { ...context, node: { alias: relation.name, relation } });
  return column?.indexed === true ? blindSql(ident(name)) : ident(name);
}

/** As vectabase.blind_expression writes it: an index is used only for the expression that it was made of. */
export function blindSql(column: string): string {
  return `(case when starts_with(${column}::text, 'vt1.'::text) then split_part(${column}::text, '.'::text, 4) end)`;
}
