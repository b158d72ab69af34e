import { badRequest } from '../errors.ts';
import type { RestRequest, RestResponse } from '../message.ts';
import { percentEncode } from '../reply/respond.ts';
import { keyOf, type KeyRelationship, type Relation, type SchemaCache } from '../schema/model.ts';
import { inOneTransaction, textOf, type Beyond } from './ask.ts';
import type { NestedInsert, NestedRow } from './nested.ts';
import { writeMembers } from './raw-json.ts';

/** One request of the transaction, in the schema of the whole. */
type Run = (part: {
  method: string;
  relation: Relation;
  query: string;
  prefer?: string;
  body?: string;
}) => Promise<string>;
type Key = ReadonlyArray<string | null>;

/**
 * Inserts what rows refer to, then the rows, then what refers to them: each level by one ordinary insert as the caller's
 * role, all in one transaction. A column that a row leaves out and another one of its level has takes its default.
 */
export async function nestedAction(insert: NestedInsert, request: RestRequest, beyond: Beyond): Promise<RestResponse> {
  const { relation, rows, cache } = insert;
  const prefer = request.headers['prefer'] ?? '';
  const represented = /(?:^|,)\s*return\s*=\s*representation\s*(?:,|$)/.test(prefer);
  const single = /application\/vnd\.pgrst\.object/.test(request.headers['accept'] ?? '');
  if (represented && relation.primaryKey.length === 0) {
    throw badRequest.notImplemented('A row without a primary key cannot be read back after a nested insert');
  }
  if (single && rows.length !== 1) throw badRequest.singular(rows.length);
  const body = await inOneTransaction(beyond, request, async (ask) => {
    const run: Run = async ({ method, relation: { name }, query, prefer: wish, body: sent = '' }) => {
      const profile = { 'content-profile': relation.schema, 'accept-profile': relation.schema };
      const accept = method === 'GET' ? { accept: 'application/vnd.pgrst.object+json' } : {};
      const headers = { ...profile, ...accept, ...(wish === undefined ? {} : { prefer: wish }) };
      return textOf(
        await ask({ method, path: `/${encodeURIComponent(name)}`, query, headers, body: Buffer.from(sent) }),
      );
    };
    const keys = await insertRows(relation, rows, represented ? relation.primaryKey : [], { run, cache });
    const shown: string[] = [];
    for (const key of represented ? keys : []) shown.push(await readBack(relation, key, request.query, run));
    return single ? (shown[0] ?? '') : `[${shown.join(',')}]`;
  });
  const applied = ['Preference-Applied', `${represented ? 'return=representation, ' : ''}nested=insert`] as const;
  const type = `application/${single ? 'vnd.pgrst.object+json' : 'json'}; charset=utf-8`;
  return {
    status: 201,
    headers: represented ? [applied, ['Content-Type', type]] : [applied],
    body: represented ? body : '',
  };
}

interface Place {
  readonly run: Run;
  readonly cache: SchemaCache;
}

/** @returns the values of `wanted` for each row, as text, in the order of the rows */
async function insertRows(
  relation: Relation,
  rows: readonly NestedRow[],
  wanted: readonly string[],
  place: Place,
): Promise<Key[]> {
  for (const relationship of kinds(rows, 'parents')) await insertParents(relationship, rows, place);
  const children = kinds(rows, 'children');
  const needed = [...new Set([...wanted, ...children.flatMap(({ columns }) => columns.map(([source]) => source))])];
  const keys = await insertLevel(relation, rows, needed, place.run);
  const at = (key: Key | undefined, column: string): string | null => key?.[needed.indexOf(column)] ?? null;
  for (const relationship of children) {
    const below = rows.flatMap((row, index) =>
      (row.children.get(relationship) ?? []).map((child) => {
        for (const [source, target] of relationship.columns)
          child.columns.set(target, JSON.stringify(at(keys[index], source)));
        return child;
      }),
    );
    await insertRows(targetOf(relationship, place.cache), below, [], place);
  }
  return keys.map((key) => wanted.map((column) => at(key, column)));
}

async function insertParents(relationship: KeyRelationship, rows: readonly NestedRow[], place: Place): Promise<void> {
  const referring = rows.filter(({ parents }) => parents.has(relationship));
  const parents = referring.flatMap((row) => row.parents.get(relationship) ?? []);
  const target = targetOf(relationship, place.cache);
  const keys = await insertRows(
    target,
    parents,
    relationship.columns.map(([, column]) => column),
    place,
  );
  for (const [index, row] of referring.entries()) {
    for (const [position, [source]] of relationship.columns.entries()) {
      row.columns.set(source, JSON.stringify(keys[index]?.[position] ?? null));
    }
  }
}

async function insertLevel(
  relation: Relation,
  rows: readonly NestedRow[],
  needed: readonly string[],
  run: Run,
): Promise<Key[]> {
  if (rows.length === 0) return [];
  const columns = [...new Set(rows.flatMap((row) => [...row.columns.keys()]))];
  const ragged = rows.some((row) => row.columns.size !== columns.length);
  const list = columns.map(quoted).join(',');
  const select = needed.map((name, index) => `k${index}:${quoted(name)}::text`).join(',');
  const answer = await run({
    method: 'POST',
    relation,
    query: [
      ...(list === '' ? [] : [`columns=${encodeURIComponent(list)}`]),
      ...(select === '' ? [] : [`select=${encodeURIComponent(select)}`]),
    ].join('&'),
    prefer: [...(ragged ? ['missing=default'] : []), `return=${select === '' ? 'minimal' : 'representation'}`].join(
      ',',
    ),
    body: `[${rows.map((row) => writeMembers(row.columns)).join(',')}]`,
  });
  if (select === '') return rows.map(() => []);
  const found = JSON.parse(answer) as Array<Record<string, string | null>>;
  if (found.length !== rows.length) {
    throw badRequest.notImplemented(
      `A trigger of "${relation.name}" kept rows from being inserted, so what refers to them has nothing to refer to`,
    );
  }
  return found.map((row) => needed.map((_, index) => row[`k${index}`] ?? null));
}

/** The row as the client's select shows it, now that everything is there. */
async function readBack(relation: Relation, key: Key, query: string, run: Run): Promise<string> {
  // The row itself is named by its key; what is said about its embeds counts.
  const shape = query.split('&').filter((pair) => /^(?:select=|[^=]*\.[^=]*=)/.test(pair));
  const filters = relation.primaryKey.map(
    (column, index) => `${percentEncode(column)}=eq.${percentEncode(key[index] ?? '')}`,
  );
  return run({ method: 'GET', relation, query: [...shape, ...filters].join('&') });
}

function kinds(rows: readonly NestedRow[], side: 'parents' | 'children'): KeyRelationship[] {
  return [...new Set(rows.flatMap((row) => [...row[side].keys()]))];
}

function targetOf({ target }: KeyRelationship, { relations }: SchemaCache): Relation {
  const relation = relations.get(keyOf(target));
  if (!relation) throw badRequest.path();
  return relation;
}

/** A name in a list of `columns` or `select`. */
function quoted(name: string): string {
  return `"${name.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
