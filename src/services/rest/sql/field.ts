import { ident } from '../../../foundation/postgres/sql.ts';
import type { FieldRef, SelectedField } from '../parse/ast.ts';
import type { ReadNode } from '../plan/read.ts';
import { keyOf, representationKey, type QualifiedName, type SchemaCache } from '../schema/model.ts';
import { valueSql } from '../sealed/select.ts';
import type { Params } from './params.ts';
import { castType } from './type-name.ts';

/** Where the rows of a node come from: a relation, or the rows of a write or a function, whose computed fields are already columns. */
export type Origin = 'relation' | 'rows';

export interface FieldContext {
  readonly params: Params;
  readonly cache: SchemaCache;
  readonly origin: Origin;
  readonly node: Pick<ReadNode, 'alias' | 'relation'>;
  /** Who reads, where encrypted columns are to be decrypted for those who may. */
  readonly role?: string | undefined;
}

/** A column, a computed field, or a step into either. */
export function fieldSql({ name, path }: FieldRef, context: FieldContext): string {
  const base = columnSql(name, context);
  if (path.length === 0) return base;
  const type = context.node.relation?.columns.get(name)?.type;
  const json = type === 'json' || type === 'jsonb' ? base : `to_jsonb(${base})`;
  const steps = path.map(({ asText, key }) => {
    const operand = context.params.add(String(key)) + (typeof key === 'number' ? '::int' : '');
    return `${asText ? '->>' : '->'}${operand}`;
  });
  return `(${json}${steps.join('')})`;
}

export function columnSql(name: string, { cache, origin, node: { alias, relation } }: FieldContext): string {
  if (origin === 'relation' && relation && !relation.columns.has(name)) {
    const computed = cache.computedFields.get(keyOf(relation))?.get(name);
    if (computed) return `${ident(computed.schema, computed.name)}(${ident(alias)})`;
  }
  return ident(alias, name);
}

/** The function that shows a column's domain as JSON, or that reads it from text or JSON, if it has one. */
export function representation(
  name: string,
  direction: 'to json' | 'from text' | 'from json',
  { cache, node: { relation } }: Pick<FieldContext, 'cache' | 'node'>,
): QualifiedName | undefined {
  const type = cache.representations.size === 0 ? undefined : relation?.columns.get(name)?.type;
  if (type === undefined) return undefined;
  const [way = '', form = ''] = direction.split(' ');
  return cache.representations.get(way === 'to' ? representationKey(type, form) : representationKey(form, type));
}

/** The selected value with its casts, before any aggregate. */
export function plainSql({ field, cast, aggregate }: SelectedField, context: FieldContext): string {
  if (!field) return ident(context.node.alias);
  const bareColumn = field.path.length === 0 && cast === undefined && aggregate === undefined;
  const sealed = bareColumn ? valueSql(field.name, context) : undefined;
  if (sealed !== undefined) return sealed;
  const shown = field.path.length === 0 ? representation(field.name, 'to json', context) : undefined;
  const bare = fieldSql(field, context);
  const value = shown ? `${ident(shown.schema, shown.name)}(${bare})` : bare;
  return cast === undefined ? value : `cast(${value} as ${castType(cast)})`;
}

export function aggregateSql({ field, aggregate, aggregateCast }: SelectedField, value: string): string {
  const call = field ? `${aggregate}(${value})` : 'count(*)';
  return aggregateCast === undefined ? call : `cast(${call} as ${castType(aggregateCast)})`;
}

/** The key in the answer: the alias, else the last key of a path, else the column. */
export function outputName({ field, alias, aggregate }: SelectedField): string {
  if (alias !== undefined) return alias;
  if (aggregate !== undefined) return aggregate;
  const keys = field?.path.map(({ key }) => key).filter((key) => typeof key === 'string') ?? [];
  return keys.at(-1) ?? field?.name ?? 'count';
}
