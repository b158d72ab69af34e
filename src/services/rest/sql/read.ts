import { ident } from '../../../foundation/postgres/sql.ts';
import type { OrderTerm } from '../parse/ast.ts';
import type { EmbedNode, ReadNode } from '../plan/read.ts';
import type { SchemaCache } from '../schema/model.ts';
import { fieldSql, type FieldContext, type Origin } from './field.ts';
import { joinCondition, joinSource } from './join.ts';
import { embedsFiltered, logicSql } from './logic.ts';
import type { Params } from './params.ts';
import { outputColumns, selectList, withoutAggregates } from './select.ts';

export interface ReadContext {
  readonly params: Params;
  readonly cache: SchemaCache;
  /** The rows are shown as text, not as JSON: what is embedded reads as jsonb does. */
  readonly asText?: boolean;
  /** Who reads; left out where nothing is shown. */
  readonly role?: string | undefined;
}

interface Source {
  /** What to read instead of the node's relation. */
  readonly from?: string;
  /** Joins to the node above. */
  readonly conditions?: readonly string[];
  readonly origin?: Origin;
  /** What is embedded may be grouped by, which json cannot. */
  readonly groupable?: boolean;
}

/** The page of a node: its rows and everything embedded in it. */
export function readSql(node: ReadNode, context: ReadContext, source: Source = {}): string {
  const { from, conditions = [], origin = 'relation', groupable = context.asText ?? false } = source;
  const fields: FieldContext = { ...context, node, origin };
  const filtered = embedsFiltered(node.where, node.embeds);
  const joins = node.embeds
    .filter((embed) => !embed.hidden || embed.inner || filtered.has(embed))
    .map((embed) => joinSql(embed, node, context, { origin, groupable }));
  const isEmbedded = ({ alias, toOne }: EmbedNode): string =>
    // The row as a whole, because each of its columns may be null.
    `${toOne ? ident(alias) : ident(alias, alias)} is distinct from null`;
  const where = node.where.map((logic) => logicSql(logic, { ...fields, embeds: node.embeds, isEmbedded }));
  const { list, groups } = selectList(node, fields, groupable);
  const order = node.order.map((term) => orderSql(term, node, fields, context));
  return compact([
    `select ${list.join(', ')} from ${from ?? ownSource(node)}`,
    ...joins,
    whereSql([...conditions, ...where]),
    groups.length > 0 ? `group by ${groups.join(', ')}` : '',
    order.length > 0 ? `order by ${order.join(', ')}` : '',
    limitSql(node, context),
    node.offset === 0 ? '' : `offset ${context.params.add(String(node.offset))}`,
  ]);
}

/** One row per match of a node, without limit and without what only shows. Of what is embedded only its being there counts. */
export function matchesSql(node: ReadNode, context: ReadContext, source: Source = {}): string {
  const { from, conditions = [], origin = 'relation' } = source;
  const fields: FieldContext = { ...context, node, origin };
  const isEmbedded = (embed: EmbedNode): string =>
    `exists (${matchesSql(embed.node, context, {
      from: joinSource(embed.relationship, node, embed.node, origin),
      conditions: joinCondition(embed.relationship, node, embed.node),
    })})`;
  const where = [
    ...conditions,
    ...node.where.map((logic) => logicSql(logic, { ...fields, embeds: node.embeds, isEmbedded })),
    ...node.embeds.filter(({ inner }) => inner).map((embed) => isEmbedded(embed)),
  ];
  return compact([`select 1 from ${from ?? ownSource(node)}`, whereSql(where)]);
}

function ownSource({ origin, alias }: ReadNode): string {
  return `${ident(origin.schema, origin.name)} as ${ident(alias)}`;
}

function whereSql(conditions: readonly string[]): string {
  return conditions.length > 0 ? `where ${conditions.join(' and ')}` : '';
}

/** The server's own cap is written out: a limit that is a parameter keeps Postgres from ever reusing a plan. */
function limitSql({ limit, capped }: ReadNode, { params }: ReadContext): string {
  if (limit === undefined) return '';
  return `limit ${capped ? String(limit) : params.add(String(limit))}`;
}

function joinSql(
  embed: EmbedNode,
  parent: ReadNode,
  context: ReadContext,
  { origin, groupable }: { origin: Origin; groupable: boolean },
): string {
  const { node, alias, inner, toOne, spread, hidden } = embed;
  // JSON within text: a mark would be escaped twice.
  const below = context.asText === true ? { ...context, role: undefined } : context;
  const rows = readSql(toOne ? { ...(spread ? withoutAggregates(node) : node), limit: undefined } : node, below, {
    from: joinSource(embed.relationship, parent, node, origin),
    conditions: joinCondition(embed.relationship, parent, node),
    groupable: groupable || (spread && toOne),
  });
  const kind = inner ? 'inner' : 'left';
  const name = ident(alias);
  if (toOne) {
    return `${kind} join lateral (${hidden ? rows.replace('select ', 'select true as "_"') : rows}) as ${name} on true`;
  }
  const collected =
    spread && !hidden
      ? // The last one tells whether there was any row.
        [...spreadArrays(embed), `nullif(count(*), 0) as ${name}`].join(', ')
      : `json_agg(${name}) as ${name}`;
  // Without rows json_agg gives one null; an inner join wants none.
  const some = inner ? ' having count(*) > 0' : '';
  return `${kind} join lateral (select ${collected} from (${rows}) as ${name}${some}) as ${name} on true`;
}

function spreadArrays({ node, alias }: EmbedNode): string[] {
  return outputColumns(node).map(({ name }) => `coalesce(json_agg(${ident(alias, name)}), '[]') as ${ident(name)}`);
}

function orderSql(term: OrderTerm, node: ReadNode, fields: FieldContext, context: ReadContext): string {
  const direction = term.direction === undefined ? '' : ` ${term.direction}`;
  const nulls = term.nulls === undefined ? '' : ` nulls ${term.nulls}`;
  return `${orderedSql(term, node, fields, context)}${direction}${nulls}`;
}

function orderedSql(
  { relation, field }: OrderTerm,
  node: ReadNode,
  fields: FieldContext,
  context: ReadContext,
): string {
  const embed = node.embeds.find(({ name, target }) => name === relation || target === relation);
  if (relation === undefined || !embed) return ownOrder(field, node) ?? fieldSql(field, fields);
  if (!embed.hidden && outputColumns(embed.node).some(({ name }) => name === field.name)) {
    return fieldSql(field, { ...fields, origin: 'rows', node: { alias: embed.alias, relation: embed.node.relation } });
  }
  const related = { ...embed.node, star: false, embeds: [], order: [], limit: undefined, offset: 0 };
  const only = { kind: 'field', field, alias: undefined, cast: undefined, aggregate: undefined } as const;
  const rows = readSql({ ...related, fields: [{ ...only, aggregateCast: undefined }] }, context, {
    from: joinSource(embed.relationship, node, embed.node, fields.origin),
    conditions: joinCondition(embed.relationship, node, embed.node),
  });
  return `(${rows})`;
}

/** A name that only the selection knows, such as that of a sum. */
function ownOrder({ name, path }: OrderTerm['field'], { fields, relation }: ReadNode): string | undefined {
  const named = fields.some(({ alias }) => alias === name);
  return named && path.length === 0 && relation?.columns.has(name) === false ? ident(name) : undefined;
}

function compact(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
