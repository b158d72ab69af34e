import { described, titled, type ApiFacts } from './openapi.ts';
import type { Column, Relation, Routine, SchemaCache } from '../schema/model.ts';

type Json = Record<string, unknown>;

/** OpenAPI 3.1 of one schema: what PostgREST tells in Swagger 2.0, with the types of JSON Schema 2020-12. */
export function describeApi31(cache: SchemaCache, facts: ApiFacts): string {
  const { shown, called } = described(cache, facts);
  const { summary = 'REST API', description } = titled(facts.comment);
  return JSON.stringify({
    openapi: '3.1.1',
    jsonSchemaDialect: 'https://spec.openapis.org/oas/3.1/dialect/base',
    info: { title: summary, ...(description === undefined ? {} : { description }), version: '1' },
    servers: [{ url: facts.uri }],
    ...(facts.security ? { security: [{ apikey: [] }, { apikey: [], bearer: [] }] } : {}),
    paths: Object.fromEntries([
      ...shown.map((each) => [`/${encodeURIComponent(each.name)}`, relationPath(each)]),
      ...called.map((each) => [`/rpc/${encodeURIComponent(each.name)}`, routinePath(each)]),
    ]),
    components: {
      schemas: Object.fromEntries(shown.map((each) => [schemaName(each.name), rowSchema(each)])),
      parameters: PARAMETERS,
      responses: { Error: { description: 'Refused', content: { 'application/json': { schema: ERROR } } } },
      securitySchemes: {
        apikey: { type: 'apiKey', in: 'header', name: 'apikey' },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      },
    },
  });
}

function relationPath(relation: Relation): Json {
  const { name, description, insertable, updatable, deletable, columns } = relation;
  const about = { tags: [name], ...(description === null ? {} : { description }) };
  const filters = [...columns.values()].map((column) => ({
    name: column.name,
    in: 'query',
    description: 'OPERATOR.VALUE, such as eq.1',
    schema: { type: 'string' },
  }));
  const write = { ...body(rowOrRows(name)), parameters: [ref('parameters/Select'), ref('parameters/Prefer')] };
  const change = { parameters: [...filters, ref('parameters/Select'), ref('parameters/Prefer')] };
  return {
    get: {
      ...about,
      operationId: `read_${name}`,
      parameters: [...filters, ...READING],
      responses: rows(name, 200, 'Rows'),
    },
    ...(insertable
      ? { post: { ...about, operationId: `insert_${name}`, ...write, responses: rows(name, 201, 'Inserted') } }
      : {}),
    ...(updatable
      ? {
          patch: {
            ...about,
            operationId: `update_${name}`,
            ...change,
            ...body(row(name)),
            responses: rows(name, 200, 'Updated'),
          },
        }
      : {}),
    ...(deletable
      ? { delete: { ...about, operationId: `delete_${name}`, ...change, responses: rows(name, 200, 'Deleted') } }
      : {}),
  };
}

function routinePath({ name, parameters, volatility, description, returns }: Routine): Json {
  const about = { tags: [`rpc ${name}`], ...(description === null ? {} : { description }) };
  const required = parameters.filter((each) => each.required).map((each) => each.name);
  const args = {
    type: 'object',
    properties: Object.fromEntries(parameters.map((each) => [each.name, typeSchema(each.type, true)])),
    ...(required.length > 0 ? { required } : {}),
  };
  const one = returns.relation
    ? row(returns.relation.name)
    : returns.kind === 'void'
      ? undefined
      : typeSchema(returns.type, true);
  const answer = one && (returns.set ? { type: 'array', items: one } : one);
  const responses = answer
    ? answers(200, 'Result', answer)
    : { 204: { description: 'Done' }, default: ref('responses/Error') };
  const post = { ...about, operationId: `call_${name}`, ...body(args), responses };
  if (volatility === 'v') return { post };
  const query = parameters.map((each) => ({
    name: each.name,
    in: 'query',
    required: each.required,
    schema: { type: 'string' },
  }));
  return { get: { ...about, operationId: `get_${name}`, parameters: query, responses }, post };
}

function rowSchema({ columns, description }: Relation): Json {
  const required = [...columns.values()]
    .filter((each) => !each.nullable && each.initial === null)
    .map((each) => each.name);
  return {
    type: 'object',
    ...(description === null ? {} : { description }),
    properties: Object.fromEntries([...columns.values()].map((each) => [each.name, columnSchema(each)])),
    ...(required.length > 0 ? { required } : {}),
  };
}

function columnSchema({ type, baseType, nullable, description, enumValues, maxLength }: Column): Json {
  const base = typeSchema(enumValues === null ? baseType : 'text', nullable);
  return {
    ...base,
    ...(description === null ? {} : { description }),
    ...(enumValues === null ? {} : { enum: nullable ? [...enumValues, null] : enumValues }),
    ...(maxLength === null ? {} : { maxLength }),
    'x-postgres-type': type,
  };
}

const FORMATS: ReadonlyArray<readonly [RegExp, Json]> = [
  [/^(smallint|integer)$/, { type: 'integer', format: 'int32' }],
  [/^bigint$/, { type: 'integer', format: 'int64' }],
  [/^(real|double precision|numeric|money)/, { type: 'number' }],
  [/^boolean$/, { type: 'boolean' }],
  [/^uuid$/, { type: 'string', format: 'uuid' }],
  [/^date$/, { type: 'string', format: 'date' }],
  [/^timestamp.* with time zone$/, { type: 'string', format: 'date-time' }],
];

/** A type that may be null is a list of types, as JSON Schema has it; json may be anything. */
function typeSchema(type: string, nullable: boolean): Json {
  if (/^jsonb?$/.test(type)) return {};
  const found = type.endsWith('[]')
    ? { type: 'array', items: typeSchema(type.slice(0, -2), true) }
    : (FORMATS.find(([pattern]) => pattern.test(type))?.[1] ?? { type: 'string' });
  return nullable ? { ...found, type: [found['type'], 'null'] } : found;
}

function row(name: string): Json {
  return ref(`schemas/${schemaName(name)}`);
}

function rowOrRows(name: string): Json {
  return { oneOf: [row(name), { type: 'array', items: row(name) }] };
}

function rows(name: string, status: number, description: string): Json {
  return answers(status, description, { type: 'array', items: row(name) });
}

function answers(status: number, description: string, schema: Json): Json {
  return { [status]: { description, content: { 'application/json': { schema } } }, default: ref('responses/Error') };
}

function body(schema: Json): Json {
  return { requestBody: { required: true, content: { 'application/json': { schema } } } };
}

function ref(place: string): Json {
  return { $ref: `#/components/${place}` };
}

/** Keys of components are plain: anything else is spelt by its code. */
function schemaName(name: string): string {
  return name.replaceAll(/[^\w.-]/gu, (character) => `_u${(character.codePointAt(0) ?? 0).toString(16)}_`);
}

const query = (name: string, type: 'string' | 'integer', description: string): Json => ({
  name,
  in: 'query',
  description,
  schema: { type },
});
const PARAMETERS = {
  Select: query('select', 'string', 'Columns and embedded relations'),
  Order: query('order', 'string', 'COLUMN.desc.nullslast, …'),
  Limit: query('limit', 'integer', 'Most rows'),
  Offset: query('offset', 'integer', 'Rows to skip'),
  Prefer: {
    name: 'Prefer',
    in: 'header',
    description: 'return=representation, count=exact, …',
    schema: { type: 'string' },
  },
};
const READING = ['Select', 'Order', 'Limit', 'Offset', 'Prefer'].map((name) => ref(`parameters/${name}`));
const ERROR = {
  type: 'object',
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    details: {},
    hint: { type: ['string', 'null'] },
  },
  required: ['code', 'message'],
};
