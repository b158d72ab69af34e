import { ident } from '../../../foundation/postgres/sql.ts';
import type { OrderTerm, SelectedField } from '../parse/ast.ts';
import type { EmbedNode, ReadNode } from '../plan/read.ts';
import type { SchemaCache } from '../schema/model.ts';
import { fieldSql, aggregateSql, outputName, plainSql, type FieldContext, type Origin } from './field.ts';
import { joinCondition, joinSource } from './join.ts';
import { embedsFiltered, logicSql } from './logic.ts';
import type { Params } from './params.ts';

export interface ReadContext {
  readonly params: Params;
  readonly cache: SchemaCache;
}

export interface ReadSql {
  /** The page. */
  readonly rows: string;
  /** One row per match, without limit and without what only shows. */
  readonly matches: string;
}

/**
 * The rows of a node and of everything embedded in it.
 *
 * @param from what to read instead of the node's relation
 * @param conditions joins to the node above
 */
export function readSql(
  node: ReadNode,
  context: ReadContext,
  {
    from,
    conditions = [],
    origin = 'relation',
  }: { from?: string; conditions?: readonly string[]; origin?: Origin } = {},
): ReadSql {
  const fields: FieldContext = { ...context, node, origin };
  const filtered = embedsFiltered(node.where, node.embeds);
  const decides = (embed: EmbedNode): boolean => embed.inner || filtered.has(embed);
  const joins = node.embeds
    .filter((embed) => decides(embed) || !embed.hidden)
    .map((embed) => ({ embed, sql: joinSql(embed, node, context, origin) }));
  const where = [...conditions, ...node.where.map((logic) => logicSql(logic, { ...fields, embeds: node.embeds }))];
  const source = from ?? `${ident(node.origin.schema, node.origin.name)} as ${ident(node.alias)}`;
  const { list, groups } = selectList(node, fields);
  const order = node.order.map((term) => orderSql(term, node, fields, context));
  const rows = [
    `select ${list.join(', ')} from ${source}`,
    ...joins.map(({ sql }) => sql),
    where.length > 0 ? `where ${where.join(' and ')}` : '',
    groups.length > 0 ? `group by ${groups.join(', ')}` : '',
    order.length > 0 ? `order by ${order.join(', ')}` : '',
    limitSql(node, context),
    node.offset === 0 ? '' : `offset ${context.params.add(String(node.offset))}`,
  ];
  const matches = [
    `select 1 from ${source}`,
    ...joins.filter(({ embed }) => decides(embed)).map(({ sql }) => sql),
    where.length > 0 ? `where ${where.join(' and ')}` : '',
  ];
  return { rows: compact(rows), matches: compact(matches) };
}

/** The server's own cap is written out: a limit that is a parameter keeps Postgres from ever reusing a plan. */
function limitSql({ limit, capped }: ReadNode, { params }: ReadContext): string {
  if (limit === undefined) return '';
  return `limit ${capped ? String(limit) : params.add(String(limit))}`;
}

/** What is left of a node when only its matches count: a statement of its own must not have unused parameters. */
export function matchesOnly(node: ReadNode): ReadNode {
  const filtered = embedsFiltered(node.where, node.embeds);
  const embeds = node.embeds.filter((embed) => embed.inner || filtered.has(embed));
  return { ...node, star: false, fields: [], order: [], limit: undefined, offset: 0, embeds };
}

/** An aggregate anywhere, spread ones included, groups by all the rest. */
function selectList(node: ReadNode, context: FieldContext): { list: string[]; groups: string[] } {
  const hoisted = (embed: EmbedNode): boolean => embed.spread && embed.node.fields.some(isAggregate);
  const grouped = node.fields.some(isAggregate) || node.embeds.some(hoisted);
  const list: string[] = node.star ? [`${ident(node.alias)}.*`] : [];
  const groups: string[] = [];
  const show = (value: string, name: string): void => {
    list.push(`${value} as ${ident(name)}`);
    if (grouped) groups.push(value);
  };
  for (const field of node.fields) {
    const value = plainSql(field, context);
    if (isAggregate(field)) list.push(`${aggregateSql(field, value)} as ${ident(outputName(field))}`);
    else show(value, outputName(field));
  }
  for (const embed of node.embeds.filter(({ hidden }) => !hidden)) {
    if (!embed.spread) show(embedValue(embed, grouped), embed.name);
    else if (!grouped) list.push(`${ident(embed.alias)}.*`);
    else {
      for (const field of embed.node.fields) {
        const name = outputName(field);
        const value = ident(embed.alias, name);
        if (isAggregate(field)) list.push(`${aggregateSql(field, value)} as ${ident(name)}`);
        else show(value, name);
      }
    }
  }
  return { list, groups };
}

function isAggregate({ aggregate }: SelectedField): boolean {
  return aggregate !== undefined;
}

/** Grouping needs equality, which json lacks and jsonb has. */
function embedValue({ alias, toOne }: EmbedNode, grouped: boolean): string {
  const value = toOne ? `row_to_json(${ident(alias)}.*)` : `coalesce(${ident(alias, alias)}, '[]')`;
  return grouped ? `${value}::jsonb` : value;
}

function joinSql(embed: EmbedNode, parent: ReadNode, context: ReadContext, origin: Origin): string {
  const { node, alias, inner, toOne, spread } = embed;
  const below = spread && toOne ? withoutAggregates(node) : node;
  const { rows } = readSql(toOne ? { ...below, limit: undefined } : below, context, {
    from: joinSource(embed.relationship, parent, node, origin),
    conditions: joinCondition(embed.relationship, parent, node),
  });
  const kind = inner ? 'inner' : 'left';
  const name = ident(alias);
  if (toOne)
    return `${kind} join lateral (${embed.hidden ? rows.replace('select ', 'select true as "_"') : rows}) as ${name} on true`;
  const collected = spread
    ? spreadNames(node)
        .map((column) => `coalesce(json_agg(${ident(alias, column)}), '[]') as ${ident(column)}`)
        .join(', ')
    : `json_agg(${name}) as ${name}`;
  // Without rows json_agg gives one null; an inner join wants none.
  const some = inner ? ' having count(*) > 0' : '';
  return `${kind} join lateral (select ${collected} from (${rows}) as ${name}${some}) as ${name} on true`;
}

function withoutAggregates(node: ReadNode): ReadNode {
  const fields = node.fields.map((field) => {
    return { ...field, alias: outputName(field), aggregate: undefined, aggregateCast: undefined };
  });
  return { ...node, fields };
}

function spreadNames(node: ReadNode): string[] {
  const star = node.star ? [...(node.relation?.columns.keys() ?? [])] : [];
  const embeds = node.embeds
    .filter(({ hidden }) => !hidden)
    .flatMap((each) => (each.spread ? spreadNames(each.node) : [each.name]));
  return [...star, ...node.fields.map((field) => outputName(field)), ...embeds];
}

function orderSql(term: OrderTerm, node: ReadNode, fields: FieldContext, context: ReadContext): string {
  const direction = term.direction === undefined ? '' : ` ${term.direction}`;
  const nulls = term.nulls === undefined ? '' : ` nulls ${term.nulls}`;
  const embed = node.embeds.find(({ name, target }) => name === term.relation || target === term.relation);
  if (term.relation === undefined || !embed) return `${fieldSql(term.field, fields)}${direction}${nulls}`;
  const related = { ...embed.node, star: false, embeds: [], order: [], limit: undefined, offset: 0 };
  const field = { kind: 'field', field: term.field, alias: undefined, cast: undefined } as const;
  const { rows } = readSql(
    { ...related, fields: [{ ...field, aggregate: undefined, aggregateCast: undefined }] },
    context,
    {
      from: joinSource(embed.relationship, node, embed.node, fields.origin),
      conditions: joinCondition(embed.relationship, node, embed.node),
    },
  );
  return `(${rows})${direction}${nulls}`;
}

function compact(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
