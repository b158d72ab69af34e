import { keyOf, type Relation, type Routine, type SchemaCache } from '../schema/model.ts';
import { bodyOfRoutine, definitionOf, parameterOf } from './openapi-types.ts';

/** What is told besides the schema itself. */
export interface ApiFacts {
  readonly schema: string;
  /** Comment of the schema: the first line is the title. */
  readonly comment: string | null;
  /** Names; undefined for all. */
  readonly relations: ReadonlySet<string> | undefined;
  readonly routines: ReadonlySet<string> | undefined;
  /** Where clients reach the API. */
  readonly uri: string;
  /** Whether calls take a token. */
  readonly security: boolean;
}

/** Swagger 2.0 of one schema, as PostgREST writes it and generators of clients read it. */
export function describeApi(cache: SchemaCache, facts: ApiFacts): string {
  const { shown, called } = described(cache, facts);
  const { summary = 'REST API', description = 'Generated from the database' } = titled(facts.comment);
  const { protocol, host, pathname } = new URL(facts.uri);
  return JSON.stringify({
    swagger: '2.0',
    info: { title: summary, description, version: '1' },
    host,
    basePath: pathname,
    schemes: [protocol.slice(0, -1)],
    consumes: [...JSON_TYPES, 'text/csv'],
    produces: [...JSON_TYPES, 'text/csv'],
    paths: Object.fromEntries([
      ['/', ROOT],
      ...shown.map((each) => [`/${each.name}`, relationPath(each)]),
      ...called.map((each) => [`/rpc/${each.name}`, routinePath(each)]),
    ]),
    definitions: Object.fromEntries(
      shown.map((each) => [each.name, definitionOf(each, cache.relationships.get(keyOf(each)) ?? [])]),
    ),
    parameters: { ...PARAMETERS, ...Object.fromEntries(shown.flatMap((each) => relationParameters(each))) },
    externalDocs: {
      description: 'PostgREST Documentation',
      url: 'https://docs.postgrest.org/en/stable/references/api.html',
    },
    ...(facts.security ? SECURITY : {}),
  });
}

/** What of the schema is told: of overloaded functions the last one. */
export function described(cache: SchemaCache, facts: ApiFacts): { shown: Relation[]; called: Routine[] } {
  return {
    shown: [...cache.relations.values()].filter(
      ({ schema, name }) => schema === facts.schema && (facts.relations?.has(name) ?? true),
    ),
    called: [...cache.routines.values()]
      .flatMap((overloads) => overloads.slice(-1))
      .filter(({ schema, name }) => schema === facts.schema && (facts.routines?.has(name) ?? true)),
  };
}

const JSON_TYPES = [
  'application/json',
  'application/vnd.pgrst.object+json;nulls=stripped',
  'application/vnd.pgrst.object+json',
];

const ROOT = {
  get: {
    tags: ['Introspection'],
    summary: 'OpenAPI description (this document)',
    produces: ['application/openapi+json', 'application/json'],
    responses: { 200: { description: 'OK' } },
  },
};

const SECURITY = {
  securityDefinitions: {
    JWT: {
      type: 'apiKey',
      name: 'Authorization',
      in: 'header',
      description: 'Add the token prepending "Bearer " (without quotes) to it',
    },
  },
  security: [{ JWT: [] }],
};

const inQuery = (name: string, description: string) => ({
  name,
  description,
  required: false,
  in: 'query',
  type: 'string',
});
const prefer = (...choices: string[]) => ({
  ...inQuery('Prefer', 'Preference'),
  in: 'header',
  ...(choices.length > 0 ? { enum: choices } : {}),
});
const RETURNS = ['return=representation', 'return=minimal', 'return=none'];

const PARAMETERS = {
  preferParams: prefer(),
  preferReturn: prefer(...RETURNS),
  preferCount: prefer('count=none'),
  preferPost: prefer(...RETURNS, 'resolution=ignore-duplicates', 'resolution=merge-duplicates'),
  select: inQuery('select', 'Filtering Columns'),
  on_conflict: inQuery('on_conflict', 'On Conflict'),
  order: inQuery('order', 'Ordering'),
  range: { ...inQuery('Range', 'Limiting and Pagination'), in: 'header' },
  rangeUnit: { ...inQuery('Range-Unit', 'Limiting and Pagination'), in: 'header', default: 'items' },
  offset: inQuery('offset', 'Limiting and Pagination'),
  limit: inQuery('limit', 'Limiting and Pagination'),
};

function relationParameters({ name, columns }: Relation): Array<[string, unknown]> {
  const body = { name, description: name, required: false, in: 'body', schema: { $ref: `#/definitions/${name}` } };
  return [
    [`body.${name}`, body],
    ...[...columns.values()].map((column): [string, unknown] => {
      const { description, ...filter } = inQuery(column.name, column.description ?? '');
      return [`rowFilter.${name}.${column.name}`, { ...filter, ...(description === '' ? {} : { description }) }];
    }),
  ];
}

function relationPath({ name, columns, insertable, updatable, deletable, description }: Relation) {
  const filters = [...columns.keys()].map((column) => `rowFilter.${name}.${column}`);
  const operation = (parameters: readonly string[], responses: Record<number, unknown>) => ({
    tags: [name],
    ...titled(description),
    parameters: parameters.map((each) => ({ $ref: `#/parameters/${each}` })),
    responses,
  });
  const rows = { description: 'OK', schema: { type: 'array', items: { $ref: `#/definitions/${name}` } } };
  const read = ['select', 'order', 'range', 'rangeUnit', 'offset', 'limit', 'preferCount'];
  const done = { 204: { description: 'No Content' } };
  return {
    get: operation([...filters, ...read], { 200: rows, 206: { description: 'Partial Content' } }),
    ...(insertable || updatable || deletable
      ? {
          post: operation([`body.${name}`, 'select', 'preferPost'], { 201: { description: 'Created' } }),
          patch: operation([...filters, `body.${name}`, 'preferReturn'], done),
          delete: operation([...filters, 'preferReturn'], done),
        }
      : {}),
  };
}

function routinePath(routine: Routine): Record<string, unknown> {
  const operation = {
    tags: [`(rpc) ${routine.name}`],
    ...titled(routine.description),
    produces: JSON_TYPES,
    responses: { 200: { description: 'OK' } },
  };
  const body = { name: 'args', required: true, in: 'body', schema: bodyOfRoutine(routine) };
  const post = { ...operation, parameters: [body, { $ref: '#/parameters/preferParams' }] };
  if (routine.volatility === 'v') return { post };
  return { get: { ...operation, parameters: routine.parameters.map((each) => parameterOf(each)) }, post };
}

/** The first line sums up; the rest, after blank lines, describes. */
export function titled(comment: string | null): { summary?: string; description?: string } {
  if (comment === null) return {};
  const [summary = ''] = comment.split('\n', 1);
  const description = comment.slice(summary.length).replace(/^\n+/, '');
  return { summary, ...(description === '' ? {} : { description }) };
}
