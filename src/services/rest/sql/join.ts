import { ident } from '../../../foundation/postgres/sql.ts';
import type { ReadNode } from '../plan/read.ts';
import type { Relationship } from '../schema/model.ts';
import type { Origin } from './field.ts';

/** What an embed reads: its relation, its relation beside the junction, or a function of the row above. */
export function joinSource(each: Relationship, parent: ReadNode, child: ReadNode, origin: Origin): string {
  const target = `${ident(each.target.schema, each.target.name)} as ${ident(child.alias)}`;
  if (each.cardinality === 'many-to-many') {
    return `${target}, ${ident(each.junction.schema, each.junction.name)} as ${junctionAlias(child)}`;
  }
  if (each.cardinality !== 'computed') return target;
  const source = ident(each.source.schema, each.source.name);
  // The rows of a write have lost their type.
  const row =
    origin === 'relation'
      ? ident(parent.alias)
      : `json_populate_record(null::${source}, row_to_json(${ident(parent.alias)}))`;
  return `${ident(each.routine.schema, each.routine.name)}(${row}) as ${ident(child.alias)}`;
}

export function joinCondition(each: Relationship, parent: ReadNode, child: ReadNode): string[] {
  if (each.cardinality === 'computed') return [];
  if (each.cardinality !== 'many-to-many') {
    return each.columns.map(([source, target]) => `${ident(child.alias, target)} = ${ident(parent.alias, source)}`);
  }
  const junction = junctionAlias(child);
  return [
    ...each.sourceColumns.map(([source, column]) => `${junction}.${ident(column)} = ${ident(parent.alias, source)}`),
    ...each.targetColumns.map(([column, target]) => `${junction}.${ident(column)} = ${ident(child.alias, target)}`),
  ];
}

function junctionAlias(child: ReadNode): string {
  return ident(`${child.alias}_junction`);
}
