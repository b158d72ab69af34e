import type { Column, Parameter, Relation, Relationship, Routine } from '../schema/model.ts';

/** A table or view as a JSON schema. */
export function definitionOf(relation: Relation, relationships: readonly Relationship[]): Record<string, unknown> {
  const { columns, description } = relation;
  const required = [...columns.values()].filter((each) => !each.nullable).map((each) => each.name);
  return {
    ...(description === null ? {} : { description }),
    ...(required.length > 0 ? { required } : {}),
    type: 'object',
    properties: Object.fromEntries(
      [...columns.values()].map((each) => [each.name, property(each, relation, relationships)]),
    ),
  };
}

function property(column: Column, relation: Relation, relationships: readonly Relationship[]) {
  const { name, baseType, initial, enumValues, maxLength } = column;
  const notes = [
    ...(relation.primaryKey.includes(name) ? ['This is a Primary Key.<pk/>'] : []),
    ...foreignKeyNote(name, relationships),
  ];
  const text = [
    ...(column.description === null ? [] : [column.description]),
    ...(notes.length === 0 ? [] : [['Note:', ...notes].join('\n')]),
  ].join('\n\n');
  const value = initial === null ? undefined : defaultValue(baseType, initial);
  return {
    ...(text === '' ? {} : { description: text }),
    ...typeOf(baseType),
    ...(maxLength === null ? {} : { maxLength }),
    ...(value === undefined ? {} : { default: value }),
    ...(enumValues === null ? {} : { enum: enumValues }),
  };
}

/** Tools read where the key leads from the tag at the end. Tables are named rather than views of them. */
function foreignKeyNote(column: string, relationships: readonly Relationship[]): string[] {
  const keys = relationships.flatMap((each) => {
    if (each.cardinality !== 'many-to-one' && !(each.cardinality === 'one-to-one' && each.holdsKey)) return [];
    const [pair, ...more] = each.columns;
    return pair?.[0] === column && more.length === 0
      ? [{ table: each.target.name, column: pair[1], view: each.targetIsView }]
      : [];
  });
  const found = keys.find(({ view }) => !view) ?? keys[0];
  if (!found) return [];
  return [
    `This is a Foreign Key to \`${found.table}.${found.column}\`.<fk table='${found.table}' column='${found.column}'/>`,
  ];
}

/** Only constants can be told; undefined for the rest. */
function defaultValue(type: string, expression: string): unknown {
  const constant = kindOf(type) === 'string' ? `"${unquoted(expression, type)}"` : expression;
  try {
    return JSON.parse(constant) as unknown;
  } catch {
    return undefined;
  }
}

function unquoted(expression: string, type: string): string {
  const cast = `::${type}`;
  return expression.endsWith(cast) ? expression.slice(0, -cast.length).replace(/^'+|'+$/g, '') : expression;
}

/** Arguments of a function as one object. */
export function bodyOfRoutine({ parameters, description }: Routine): Record<string, unknown> {
  const required = parameters.filter((each) => each.required).map((each) => each.name);
  return {
    ...(description === null ? {} : { description }),
    ...(required.length > 0 ? { required } : {}),
    type: 'object',
    ...(parameters.length > 0
      ? { properties: Object.fromEntries(parameters.map((each) => [each.name, typeOf(each.type)])) }
      : {}),
  };
}

/** An argument in the query: an array is written `{…}`, unless it may be repeated. */
export function parameterOf({ name, type, required, variadic }: Parameter): Record<string, unknown> {
  const place = { name, required, in: 'query' };
  if (variadic) return { ...place, type: kindOf(type), collectionFormat: 'multi', items: typeOf(elementOf(type)) };
  const kind = kindOf(type);
  return { ...place, type: kind === undefined || kind === 'array' ? 'string' : kind, format: formatOf(type) };
}

function typeOf(type: string): Record<string, unknown> {
  const kind = kindOf(type);
  return {
    format: formatOf(type),
    ...(kind === undefined ? {} : { type: kind }),
    ...(kind === 'array' ? { items: withoutFormat(typeOf(elementOf(type))) } : {}),
  };
}

function withoutFormat({ type }: Record<string, unknown>): Record<string, unknown> {
  return type === undefined ? {} : { type };
}

/** Undefined for what may be anything. */
function kindOf(type: string): string | undefined {
  if (type.endsWith('[]')) return 'array';
  return KINDS.has(type) ? KINDS.get(type) : 'string';
}

const KINDS = new Map<string, string | undefined>([
  ['boolean', 'boolean'],
  ['smallint', 'integer'],
  ['integer', 'integer'],
  ['bigint', 'integer'],
  ['numeric', 'number'],
  ['real', 'number'],
  ['double precision', 'number'],
  ['json', undefined],
  ['jsonb', undefined],
]);

/** OpenAPI has names of its own for widths of integers alone. */
function formatOf(type: string): string {
  return ({ smallint: 'int32', integer: 'int32', bigint: 'int64' } as Record<string, string>)[type] ?? type;
}

const elementOf = (type: string): string => type.slice(0, -2);
