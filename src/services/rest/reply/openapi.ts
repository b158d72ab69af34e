import type { Column, Relation, Routine, SchemaCache } from '../schema/model.ts';

interface Accessible {
  /** Names; undefined for all. */
  readonly relations: ReadonlySet<string> | undefined;
  readonly routines: ReadonlySet<string> | undefined;
}

/** Swagger 2.0 of one schema, as generators of clients read it. */
export function describeApi(cache: SchemaCache, schema: string, { relations, routines }: Accessible): string {
  const shown = [...cache.relations.values()].filter(
    (each) => each.schema === schema && (relations?.has(each.name) ?? true),
  );
  const called = [...cache.routines.values()]
    .flatMap(([first]) => (first ? [first] : []))
    .filter((each) => each.schema === schema && (routines?.has(each.name) ?? true));
  return JSON.stringify({
    swagger: '2.0',
    info: { title: 'standard public schema', description: '', version: '1' },
    basePath: '/',
    schemes: ['http'],
    consumes: ['application/json', 'application/vnd.pgrst.object+json', 'text/csv'],
    produces: ['application/json', 'application/vnd.pgrst.object+json', 'text/csv'],
    paths: Object.fromEntries([
      ...shown.map((each) => [`/${each.name}`, relationPath(each)]),
      ...called.map((each) => [`/rpc/${each.name}`, routinePath(each)]),
    ]),
    definitions: Object.fromEntries(shown.map((each) => [each.name, definition(each)])),
  });
}

function relationPath(relation: Relation): Record<string, unknown> {
  const { name, insertable, updatable, deletable, description } = relation;
  const tags = [name];
  const ok = { 200: { description: 'OK', schema: { type: 'array', items: { $ref: `#/definitions/${name}` } } } };
  const filters = [...relation.columns.keys()].map((column) => {
    return { name: column, in: 'query', required: false, type: 'string' };
  });
  const body = { name, in: 'body', required: false, schema: { $ref: `#/definitions/${name}` } };
  return {
    get: { tags, ...(description === null ? {} : { summary: description }), parameters: filters, responses: ok },
    ...(insertable ? { post: { tags, parameters: [body], responses: { 201: { description: 'Created' } } } } : {}),
    ...(updatable
      ? { patch: { tags, parameters: [...filters, body], responses: { 204: { description: 'No Content' } } } }
      : {}),
    ...(deletable ? { delete: { tags, parameters: filters, responses: { 204: { description: 'No Content' } } } } : {}),
  };
}

function routinePath({ name, parameters, volatility, description }: Routine): Record<string, unknown> {
  const tags = [`(rpc) ${name}`];
  const responses = { 200: { description: 'OK' } };
  const required = parameters.filter((each) => each.required).map((each) => each.name);
  const schema = {
    type: 'object',
    properties: Object.fromEntries(parameters.map((each) => [each.name, typeOf(each.type)])),
    ...(required.length > 0 ? { required } : {}),
  };
  const summary = description === null ? {} : { summary: description };
  const post = { tags, ...summary, parameters: [{ name: 'args', in: 'body', required: true, schema }], responses };
  if (volatility === 'v') return { post };
  const query = parameters.map((each) => ({ name: each.name, in: 'query', required: each.required, type: 'string' }));
  return { get: { tags, ...summary, parameters: query, responses }, post };
}

function definition({ columns, primaryKey, description }: Relation): Record<string, unknown> {
  const required = [...columns.values()].filter((each) => !each.nullable).map((each) => each.name);
  return {
    ...(description === null ? {} : { description }),
    ...(required.length > 0 ? { required } : {}),
    type: 'object',
    properties: Object.fromEntries([...columns.values()].map((each) => [each.name, property(each, primaryKey)])),
  };
}

function property({ name, type, initial, description, enumValues }: Column, key: readonly string[]) {
  const note = key.includes(name) ? 'Note:\nThis is a Primary Key.<pk/>' : undefined;
  const text = [description, note].filter((each) => each !== null && each !== undefined).join('\n\n');
  return {
    ...typeOf(type),
    ...(initial === null ? {} : { default: initial }),
    ...(text === '' ? {} : { description: text }),
    ...(enumValues === null ? {} : { enum: enumValues }),
  };
}

function typeOf(type: string): Record<string, unknown> {
  if (type.endsWith('[]')) return { type: 'array', format: type, items: typeOf(type.slice(0, -2)) };
  if (/^(smallint|integer|bigint)$/.test(type)) return { type: 'integer', format: type };
  if (/^(real|double precision|numeric)/.test(type)) return { type: 'number', format: type };
  if (type === 'boolean') return { type: 'boolean', format: type };
  return /^jsonb?$/.test(type) ? { format: type } : { type: 'string', format: type };
}
