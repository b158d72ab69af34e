import type { RestResponse } from '../message.ts';
import { routineNotFound, tableNotFound } from '../schema/errors.ts';
import { keyOf, type SchemaCache } from '../schema/model.ts';

/** OPTIONS of a table or view: what can be done with it, privileges aside. */
export function relationInfo(cache: SchemaCache, schema: string, name: string): RestResponse {
  const relation = cache.relations.get(keyOf({ schema, name }));
  if (!relation) throw tableNotFound({ schema, name }, cache);
  const { insertable, updatable, deletable, primaryKey } = relation;
  const puttable = insertable && updatable && primaryKey.length > 0;
  return allow([
    'OPTIONS,GET,HEAD',
    ...(insertable ? ['POST'] : []),
    ...(puttable ? ['PUT'] : []),
    ...(updatable ? ['PATCH'] : []),
    ...(deletable ? ['DELETE'] : []),
  ]);
}

export function routineInfo(cache: SchemaCache, schema: string, name: string): RestResponse {
  const [first] = cache.routines.get(keyOf({ schema, name })) ?? [];
  if (!first) throw routineNotFound({ schema, name, args: [], bodyType: undefined }, cache);
  return allow([first.volatility === 'v' ? 'OPTIONS,POST' : 'OPTIONS,GET,HEAD,POST']);
}

export function rootInfo(): RestResponse {
  return allow(['OPTIONS,GET,HEAD']);
}

function allow(methods: readonly string[]): RestResponse {
  return { status: 200, headers: [['Allow', methods.join(',')]], body: '' };
}
