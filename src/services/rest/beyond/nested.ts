import type { RestRequest } from '../message.ts';
import { decodeText, mediaOf, parseJson } from '../parse/payload.ts';
import { parseQuery } from '../parse/query.ts';
import { badRequest, RestError } from '../errors.ts';
import { shapeOf } from '../plan/shape.ts';
import { findRelationship } from '../plan/find-relationship.ts';
import { columnNotFound } from '../schema/errors.ts';
import { keyOf, type KeyRelationship, type Relation, type Relationship, type SchemaCache } from '../schema/model.ts';
import type { Beyond } from './ask.ts';
import { rawItems, rawMembers } from './raw-json.ts';

/** A row to insert: its own columns as they are written, rows that it refers to, and rows that refer to it. */
export interface NestedRow {
  readonly columns: Map<string, string>;
  readonly parents: Map<KeyRelationship, NestedRow>;
  readonly children: Map<KeyRelationship, readonly NestedRow[]>;
}

export interface NestedInsert {
  readonly cache: SchemaCache;
  readonly relation: Relation;
  readonly rows: readonly NestedRow[];
}

/** PostgREST knows no such preference, and refuses a payload with keys that are no columns. */
const WISH = /(?:^|,)\s*nested\s*=\s*insert\s*(?:,|$)/;
/** Rows of all levels together: one connection is held for them. */
const MOST = 10_000;
const DEEPEST = 10;

export function wantsNested({ headers }: RestRequest): boolean {
  return WISH.test(headers['prefer'] ?? '');
}

/**
 * What a client wants inserted with what hangs on it; undefined for any request that PostgREST would understand.
 *
 * @throws RestError PGRST200, PGRST201, PGRST204, PGRST127
 */
export async function readNested(request: RestRequest, beyond: Beyond): Promise<NestedInsert | undefined> {
  const { path, headers, query } = request;
  const name = /^\/([^/]+)$/.exec(path)?.[1];
  if (name === undefined || mediaOf(headers['content-type']) !== 'application/json') return undefined;
  const { columns, onConflict } = parseQuery(shapeOf(query, false).pairs());
  if (onConflict) return undefined;
  const cache = await beyond.cache();
  const { schemas } = { ...beyond.options, ...cache.overrides };
  const schema = headers['content-profile'] ?? schemas[0] ?? 'public';
  const relation = schemas.includes(schema) ? cache.relations.get(keyOf({ schema, name: decoded(name) })) : undefined;
  const items = itemsOf(decodeText(request.body));
  if (!relation || !items) return undefined;
  const reader = { cache, left: MOST };
  // supabase-js names the keys of a list, relationships among them.
  const named = (key: string): boolean => columns === undefined || columns.includes(key);
  const rows = items.map((item) => readRow(item, relation, reader, DEEPEST, named));
  const isNested = rows.some(({ parents, children }) => parents.size + children.size > 0);
  return isNested ? { cache, relation, rows } : undefined;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return '';
  }
}

/** The objects of a payload, as they are written. */
function itemsOf(text: string): string[] | undefined {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  const items = Array.isArray(value) ? rawItems(text) : [text.trim()];
  return items.every((item) => item.startsWith('{')) ? items : undefined;
}

interface Reader {
  readonly cache: SchemaCache;
  left: number;
}

function readRow(
  text: string,
  relation: Relation,
  reader: Reader,
  depth: number,
  counts: (key: string) => boolean = () => true,
): NestedRow {
  if (--reader.left < 0 || depth === 0) {
    throw badRequest.notImplemented(`A nested insert takes at most ${MOST} rows, ${DEEPEST} levels deep`);
  }
  const row: NestedRow = { columns: new Map(), parents: new Map(), children: new Map() };
  for (const [key, value] of rawMembers(text)) {
    if (!counts(key)) continue;
    if (relation.columns.has(key) || !/^[[{]/.test(value)) {
      if (!relation.columns.has(key)) throw columnNotFound(relation.name, key);
      row.columns.set(key, value);
      continue;
    }
    const relationship = relationshipOf(key, relation, reader.cache);
    const target = reader.cache.relations.get(keyOf(relationship.target));
    if (!target) throw columnNotFound(relation.name, key);
    const items = value.startsWith('[') ? rawItems(value) : [value];
    if (!items.every((item) => item.startsWith('{')))
      throw badRequest.body(`"${key}" is an object or a list of objects`);
    const below = items.map((item) => readRow(item, target, reader, depth - 1));
    const [first] = below;
    if (!relationship.holdsKey) row.children.set(relationship, below);
    else if (first && below.length === 1) row.parents.set(relationship, first);
    else throw badRequest.body(`"${key}" is one object: a row refers to one row by that key`);
  }
  return row;
}

/** @throws RestError PGRST204 for a key that is neither column nor relationship, as PostgREST says it */
function relationshipOf(key: string, relation: Relation, cache: SchemaCache): KeyRelationship {
  const [name = '', hint] = key.split('!', 2);
  let found: Relationship;
  try {
    found = findRelationship(cache, relation, name, hint);
  } catch (error) {
    if (error instanceof RestError && error.code === 'PGRST200') throw columnNotFound(relation.name, key);
    throw error;
  }
  if (found.cardinality === 'many-to-many' || found.cardinality === 'computed') {
    throw badRequest.notImplemented(`"${key}" is no foreign key of either side: insert by the table between`);
  }
  return found;
}
