import { conflictTarget } from '../sealed/select.ts';
import { ident } from '../../../foundation/postgres/sql.ts';
import type { Logic } from '../parse/ast.ts';
import type { Payload } from '../parse/payload.ts';
import { columnNotFound } from '../schema/errors.ts';
import type { Column, Relation } from '../schema/model.ts';
import { partialPredicate } from '../schema/partial-keys.ts';
import { representation, type FieldContext } from './field.ts';
import { logicSql } from './logic.ts';

export interface InsertParts {
  readonly relation: Relation;
  readonly payload: Payload;
  /** Absent keys take the column's default instead of null. */
  readonly defaults: boolean;
  readonly conflict: { readonly columns: readonly string[]; readonly merge: boolean } | undefined;
  /** Rows of the payload to take: a PUT's key must be the URL's. */
  readonly where: readonly Logic[];
  /** Counts inserted rows apart from updated ones. */
  readonly countInserted: boolean;
}

const BODY = 'pgrst_body';
/** Each insertion adds one, each conflict takes it back: what is left was inserted. */
const COUNT = `coalesce(nullif(current_setting('pgrst.inserted', true), ''), '0')::int`;
const counted = (step: '+ 1' | '- 1'): string => `set_config('pgrst.inserted', (${COUNT} ${step})::text, true) <> '-1'`;
export const INSERTED = `nullif(current_setting('pgrst.inserted', true), '')`;

export function insertSql(parts: InsertParts, returning: string, context: FieldContext): string {
  const { relation, payload, conflict, countInserted } = parts;
  const columns = resolveColumns(relation, payload.columns);
  const names = columns.map(({ name }) => ident(name)).join(', ');
  const body: FieldContext = { ...context, origin: 'rows', node: { alias: BODY, relation } };
  const where = [
    ...parts.where.map((logic) => logicSql(logic, { ...body, ...NO_EMBEDS })),
    ...(countInserted ? [counted('+ 1')] : []),
  ];
  return [
    `insert into ${ident(relation.schema, relation.name)} as ${ident(context.node.alias)}`,
    columns.length > 0 ? `(${names})` : '',
    `select ${columns.map((column) => given(column, body)).join(', ')} from ${payloadRows(payload, columns, parts.defaults, body)}`,
    where.length > 0 ? `where ${where.join(' and ')}` : '',
    conflict ? conflictSql({ ...conflict, relation }, columns, countInserted, context) : '',
    `returning ${returning}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** @param where of the relation, in terms of its alias */
export function updateSql(
  { relation, payload, defaults }: Pick<InsertParts, 'relation' | 'payload' | 'defaults'>,
  where: readonly Logic[],
  returning: string,
  context: FieldContext,
): string {
  const columns = resolveColumns(relation, payload.columns);
  const target = `${ident(relation.schema, relation.name)} as ${ident(context.node.alias)}`;
  const returned = returning === '1' ? '1 as "_"' : returning;
  // Nothing to set changes nothing.
  if (columns.length === 0) return `select ${returned} from ${target} where false`;
  const set = columns.map((column) => `${ident(column.name)} = ${given(column, context)}`).join(', ');
  const rows = `(select * from ${payloadRows(payload, columns, defaults, context)} limit 1) as ${BODY}`;
  return `update ${target} set ${set} from ${rows}${whereSql(where, context)} returning ${returned}`;
}

export function deleteSql(
  relation: Relation,
  where: readonly Logic[],
  returning: string,
  context: FieldContext,
): string {
  const target = `${ident(relation.schema, relation.name)} as ${ident(context.node.alias)}`;
  return `delete from ${target}${whereSql(where, context)} returning ${returning}`;
}

function whereSql(where: readonly Logic[], context: FieldContext): string {
  const all = where.map((logic) => logicSql(logic, { ...context, ...NO_EMBEDS }));
  return all.length === 0 ? '' : ` where ${all.join(' and ')}`;
}

/** @throws RestError PGRST204 */
function resolveColumns(relation: Relation, names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = relation.columns.get(name);
    if (!column) throw columnNotFound(relation.name, name);
    return column;
  });
}

const NO_EMBEDS = { embeds: [], isEmbedded: () => 'true' };

/** A column's value in the payload, read as its domain wants. */
function given({ name }: Column, context: FieldContext): string {
  const reader = representation(name, 'from json', context);
  const value = ident(BODY, name);
  return reader ? `${ident(reader.schema, reader.name)}(${value})` : value;
}

/** The payload as typed rows: Postgres alone reads the JSON. */
function payloadRows(
  { json, single }: Payload,
  columns: readonly Column[],
  defaults: boolean,
  context: FieldContext,
): string {
  const { params } = context;
  const text = params.add(json);
  if (columns.length === 0)
    return single ? `(values (${text}::json)) as ${BODY}` : `json_array_elements(${text}::json) as ${BODY}`;
  const types = columns
    .map(({ name, type }) => `${ident(name)} ${representation(name, 'from json', context) ? 'json' : type}`)
    .join(', ');
  if (!defaults) return `json_to_record${single ? '' : 'set'}(${text}::json) as ${BODY} (${types})`;
  const pairs = columns
    .filter(({ initial }) => initial !== null)
    .map(({ name, initial }) => `${params.add(name)}::text, ${initial}`);
  const initial = `jsonb_build_object(${pairs.join(', ')})`;
  if (single) return `jsonb_to_record(${initial} || ${text}::jsonb) as ${BODY} (${types})`;
  const filled = `select coalesce(jsonb_agg(${initial} || item), '[]') as items from jsonb_array_elements(${text}::jsonb) as item`;
  return `(${filled}) as pgrst_filled, jsonb_to_recordset(pgrst_filled.items) as ${BODY} (${types})`;
}

function conflictSql(
  { columns: target, merge, relation }: { columns: readonly string[]; merge: boolean; relation: Relation },
  columns: readonly Column[],
  countInserted: boolean,
  context: FieldContext,
): string {
  const predicate = partialPredicate(context.cache.partialKeys, relation, target);
  const on = `on conflict (${target.map((name) => conflictTarget(relation, name, context)).join(', ')})${predicate}`;
  if (!merge || columns.length === 0) return `${on} do nothing`;
  const set = columns.map(({ name }) => `${ident(name)} = excluded.${ident(name)}`).join(', ');
  return `${on} do update set ${set}${countInserted ? ` where ${counted('- 1')}` : ''}`;
}
