import { ident } from '../../../foundation/postgres/sql.ts';
import type { Condition, Logic } from '../parse/ast.ts';
import type { ReadNode } from '../plan/read.ts';
import { rowKeysOf } from '../sealed/select.ts';
import { columnSql, type FieldContext } from './field.ts';

/** The rows of a write or of a function, as a `with` item. */
export const SOURCE = 'pgrst_source';

/**
 * The columns that a node reads of the rows of a write or a function: reading more would need more privileges.
 * Computed fields become columns here, where the row still has its type.
 */
export function returningList(node: ReadNode, context: FieldContext, extra: readonly string[] = []): string {
  const names = new Set(extra);
  for (const { field } of node.fields) if (field) names.add(field.name);
  for (const { field, relation } of node.order) if (relation === undefined) names.add(field.name);
  for (const logic of node.where) for (const { field } of conditionsOf(logic)) names.add(field.name);
  for (const part of rowKeysOf(names, context)) names.add(part);
  let everything = node.star;
  for (const { relationship } of node.embeds) {
    if (relationship.cardinality === 'computed') everything = true;
    else if (relationship.cardinality === 'many-to-many') {
      for (const [source] of relationship.sourceColumns) names.add(source);
    } else for (const [source] of relationship.columns) names.add(source);
  }
  for (const { name, target } of node.embeds) {
    if (node.where.length > 0) [name, target].forEach((each) => names.delete(each));
  }
  const own = node.relation?.columns;
  const listed = everything ? [...names].filter((name) => own && !own.has(name)) : [...names];
  const columns = listed.map((name) => `${columnSql(name, context)} as ${ident(name)}`);
  const all = everything ? [`${ident(context.node.alias)}.*`, ...columns] : columns;
  return all.length === 0 ? '1' : all.join(', ');
}

function conditionsOf(logic: Logic): Condition[] {
  return logic.kind === 'condition' ? [logic] : logic.children.flatMap((child) => conditionsOf(child));
}
