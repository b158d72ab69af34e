import { ident } from '../../../foundation/postgres/sql.ts';
import type { SelectedField } from '../parse/ast.ts';
import type { EmbedNode, ReadNode } from '../plan/read.ts';
import { hasSealed } from '../sealed/select.ts';
import { aggregateSql, outputName, plainSql, representation, type FieldContext } from './field.ts';

interface OutputColumn {
  readonly name: string;
  /** What the nearest node above that is no spread has to do with it. */
  readonly aggregated: SelectedField | undefined;
}

/** The columns that a node gives, those of its spreads included, in the order of its select list. */
export function outputColumns(node: ReadNode): OutputColumn[] {
  const star = node.star ? [...(node.relation?.columns.keys() ?? [])] : [];
  return [
    ...star.map((name) => ({ name, aggregated: undefined })),
    ...node.fields.map((field) => ({ name: outputName(field), aggregated: isAggregate(field) ? field : undefined })),
    ...node.embeds.filter(({ hidden }) => !hidden).flatMap((embed) => embedColumns(embed)),
  ];
}

function embedColumns({ name, spread, toOne, node }: EmbedNode): OutputColumn[] {
  if (!spread) return [{ name, aggregated: undefined }];
  const columns = outputColumns(node);
  return toOne ? columns : columns.map((column) => ({ ...column, aggregated: undefined }));
}

/** An aggregate anywhere, spread ones included, groups by all the rest. */
export function selectList(
  node: ReadNode,
  context: FieldContext,
  groupable: boolean,
): { list: string[]; groups: string[] } {
  const grouped = outputColumns(node).some(({ aggregated }) => aggregated !== undefined);
  const list: string[] = [];
  const groups: string[] = [];
  const show = (value: string, name: string): void => {
    list.push(`${value} as ${ident(name)}`);
    if (grouped) groups.push(value);
  };
  if (node.star && !grouped && !hasRepresentations(context) && !hasSealed(context)) list.push(`${ident(node.alias)}.*`);
  else if (node.star) for (const field of starFields(node)) show(plainSql(field, context), outputName(field));
  for (const field of node.fields) {
    const value = plainSql(field, context);
    if (isAggregate(field)) list.push(`${aggregateSql(field, value)} as ${ident(outputName(field))}`);
    else show(value, outputName(field));
  }
  for (const embed of node.embeds.filter(({ hidden }) => !hidden)) {
    if (!embed.spread) show(embedValue(embed, grouped || groupable), embed.name);
    else if (!grouped && embed.toOne) list.push(`${ident(embed.alias)}.*`);
    else {
      for (const { name, aggregated } of embedColumns(embed)) {
        const value = ident(embed.alias, name);
        if (aggregated) list.push(`${hoisted(aggregated, value)} as ${ident(name)}`);
        else show(embed.toOne || !grouped ? value : `${value}::jsonb`, name);
      }
    }
  }
  return { list, groups };
}

/** `count()` of a spread counts its rows, and there is none where nothing was joined. */
function hoisted(field: SelectedField, value: string): string {
  return field.field ? aggregateSql(field, value) : aggregateSql(field, value).replace('count(*)', `count(${value})`);
}

/** The rows that a spread's aggregates are made of, one level above. */
export function withoutAggregates(node: ReadNode): ReadNode {
  return {
    ...node,
    fields: node.fields.map((field) => {
      return { ...field, alias: outputName(field), aggregate: undefined, aggregateCast: undefined };
    }),
    embeds: node.embeds.map((embed) =>
      embed.spread && embed.toOne ? { ...embed, node: withoutAggregates(embed.node) } : embed,
    ),
  };
}

function hasRepresentations({ cache, node }: FieldContext): boolean {
  if (cache.representations.size === 0) return false;
  return [...(node.relation?.columns.keys() ?? [])].some((name) => representation(name, 'to json', { cache, node }));
}

function starFields({ relation }: ReadNode): SelectedField[] {
  return [...(relation?.columns.keys() ?? [])].map((name) => {
    const field = { name, path: [] };
    return { kind: 'field', field, alias: undefined, cast: undefined, aggregate: undefined, aggregateCast: undefined };
  });
}

function isAggregate({ aggregate }: SelectedField): boolean {
  return aggregate !== undefined;
}

/** Grouping needs equality, which json lacks and jsonb has. */
function embedValue({ alias, toOne }: EmbedNode, asJsonb: boolean): string {
  const value = toOne ? `row_to_json(${ident(alias)}.*)` : `coalesce(${ident(alias, alias)}, '[]')`;
  return asJsonb ? `${value}::jsonb` : value;
}
