import type { Answers } from '../../../foundation/postgres/wire/wire.ts';
import { badRequest } from '../errors.ts';
import type { RestResponse } from '../message.ts';
import type { Logic } from '../parse/ast.ts';
import type { Media } from '../parse/media.ts';
import { readPayload, type Payload } from '../parse/payload.ts';
import type { Preferences } from '../parse/prefer.ts';
import { parseQuery, type Query } from '../parse/query.ts';
import { planRead, type ReadNode } from '../plan/read.ts';
import { BODY } from '../plan/shape.ts';
import { assertMaxAffected, assertSingular, bodyOf, isSingular, readOutcome, type Outcome } from '../reply/outcome.ts';
import { contentRange, percentEncode, preferenceHeader, respond } from '../reply/respond.ts';
import { tableNotFound } from '../schema/errors.ts';
import { keyOf, type Relation } from '../schema/model.ts';
import { ident } from '../../../foundation/postgres/sql.ts';
import { Params } from '../sql/params.ts';
import { readSql } from '../sql/read.ts';
import { returningList, SOURCE } from '../sql/returning.ts';
import { mainStatement, rowsBody, showsText } from '../sql/statement.ts';
import { deleteSql, INSERTED, insertSql, updateSql } from '../sql/write.ts';
import { readerOf } from '../sealed/select.ts';
import { perform, type Action, type Statement } from '../transaction.ts';
import type { ActionContext } from './context.ts';
import { withDiagnosis } from './diagnose.ts';
import { explain } from './explain.ts';
import { bind, readerKey } from './read.ts';

type Kind = 'insert' | 'update' | 'delete' | 'put';
const KINDS: Readonly<Record<string, Kind>> = { POST: 'insert', PATCH: 'update', DELETE: 'delete', PUT: 'put' };

/** POST, PATCH, PUT and DELETE of a table or view. */
export async function writeAction(name: string, context: ActionContext): Promise<RestResponse> {
  const { media, values } = context;
  const target = context.once('target', () => targetOf(name, context));
  const payload = target.kind === 'delete' ? undefined : payloadOf(target, context.request);
  // Its columns are part of the plan; its JSON is a value.
  const about = payload ? `${payload.single} ${JSON.stringify(payload.columns)}` : '';
  const key = `write ${readerKey(context)} ${about}`;
  const compiled = context.once(key, () => compileWrite(target, payload && { ...payload, json: BODY }, context));
  const main = bind(compiled.main, values, payload?.json);
  if (media.plan) return explain(main, { readOnly: false, opensKeys: true }, context);
  const outcome = readOutcome(await perform({ ...compiled.action, statements: [main] }, context));
  const response = answer(compiled, outcome, context);
  return context.options.diagnostics === true && outcome.rows === 0 ? withDiagnosis(response, context) : response;
}

interface Target {
  readonly kind: Kind;
  readonly relation: Relation;
  readonly query: Query;
  readonly preferences: Preferences;
}

interface Write extends Target {
  readonly payload: Payload | undefined;
  readonly node: ReadNode;
  readonly params: Params;
  readonly cache: ActionContext['cache'];
  readonly role: string;
}

interface CompiledWrite extends Target {
  readonly main: Statement;
  readonly action: Omit<Action, 'statements'>;
  /** Those that depend on the head alone. */
  readonly headers: RestResponse['headers'];
}

function targetOf(name: string, { cache, schema, request, preferences, pairs }: ActionContext): Target {
  const relation = cache.relations.get(keyOf({ schema, name }));
  if (!relation) throw tableNotFound({ schema, name }, cache);
  return { kind: KINDS[request.method] ?? 'insert', relation, query: parseQuery(pairs), preferences };
}

/** Of the head and the payload's columns alone: it serves other requests too. */
function compileWrite(target: Target, payload: Payload | undefined, context: ActionContext): CompiledWrite {
  const { cache, media, preferences, profileHeader } = context;
  const { kind, relation, query } = target;
  const params = new Params();
  const { role } = context.identity;
  const write: Write = { ...target, payload, node: resultNode(relation, query, context), params, cache, role };
  const represented = preferences.return === 'representation';
  const asText = showsText(media);
  const change = changeSql(write);
  const page = represented
    ? readSql(
        write.node,
        { params, cache, asText, role: readerOf(context.identity, media) },
        { from: rowsOf(write.node), origin: 'rows' },
      )
    : `select 1 from ${SOURCE}`;
  const text = mainStatement({
    with: [`${SOURCE} as (${change})`],
    page,
    body: represented ? rowsBody(media) : `''`,
    location: kind === 'insert' && preferences.return === 'headers-only' ? locationSql(relation) : undefined,
    inserted: countsInserted(target) ? INSERTED : undefined,
  });
  return {
    ...target,
    main: { text, values: params.values },
    action: {
      readOnly: false,
      opensKeys: true,
      csv: media.format === 'csv',
      whole: media.handler?.binary === true,
      ...checkOf(kind, media, preferences),
    },
    headers: [
      ...(represented ? [['Content-Type', media.contentType] as const, ...profileHeader] : []),
      ...preferenceHeader(honoured(target)),
    ],
  };
}

/** What is read of the written rows: the filters of the relation itself belong to the write, and nothing is cut off. */
function resultNode(relation: Relation, query: Query, { plan, preferences }: ActionContext): ReadNode {
  const nothing = { select: [], filters: [], order: [], limit: [], offset: [] };
  const { select, filters, order } = query;
  const asked = { ...nothing, select, filters: filters.filter(({ path }) => path.length > 0), order };
  const whole = { ...plan, maxRows: undefined };
  // A filter on what is not embedded is refused whatever is shown: dropped, it would leave the write without a filter.
  const node = planRead(relation, asked, whole);
  return preferences.return === 'representation' ? node : planRead(relation, nothing, whole);
}

function rowsOf({ alias }: ReadNode): string {
  return `${SOURCE} as ${ident(alias)}`;
}

function changeSql(write: Write): string {
  const { kind, relation, node, query, params, cache, preferences, payload } = write;
  const fields = { params, cache, node, origin: 'relation' as const, role: write.role };
  const location = kind === 'insert' && preferences.return === 'headers-only' ? relation.primaryKey : [];
  const returning = returningList(node, fields, location);
  const where = query.filters.filter(({ path }) => path.length === 0).map(({ value }) => value);
  if (!payload) return deleteSql(relation, where, returning, fields);
  const defaults = preferences.missing === 'default';
  if (kind === 'update') return updateSql({ relation, payload, defaults }, where, returning, fields);
  if (kind === 'put') assertPut(write, where);
  const conflict = kind === 'put' ? { columns: relation.primaryKey, merge: true } : conflictOf(write);
  const parts = { relation, payload, defaults, conflict, where: kind === 'put' ? where : [] };
  return insertSql({ ...parts, countInserted: countsInserted(write) }, returning, fields);
}

function payloadOf({ kind, query }: Target, request: ActionContext['request']): Payload {
  return readPayload(request.body, request.headers['content-type'], kind === 'put' ? undefined : query.columns);
}

function conflictOf({ relation, query, preferences }: Target) {
  const columns = query.onConflict ?? relation.primaryKey;
  if (preferences.resolution === undefined || columns.length === 0) return undefined;
  return { columns, merge: preferences.resolution === 'merge-duplicates' };
}

function countsInserted(target: Target): boolean {
  return target.kind === 'put' || (target.kind === 'insert' && conflictOf(target)?.merge === true);
}

/** A PUT names one row by its whole key, and nothing else. */
function assertPut({ relation, query }: Write, where: readonly Logic[]): void {
  if (query.limit.length > 0 || query.offset.length > 0) throw badRequest.putLimit();
  const named = where.map((logic) => {
    const plain = logic.kind === 'condition' && !logic.negated && logic.field.path.length === 0 ? logic : undefined;
    const equal = plain?.test.kind === 'compare' && plain.test.operator === '=' && plain.test.quantifier === undefined;
    return equal ? plain.field.name : undefined;
  });
  const key = relation.primaryKey;
  if (key.length === 0 || new Set(named).size !== key.length || !key.every((column) => named.includes(column))) {
    throw badRequest.putFilters();
  }
}

function checkOf(kind: Kind, media: Media, preferences: Preferences): Pick<Action, 'check'> {
  const singular = isSingular(media);
  const limited = (kind === 'update' || kind === 'delete') && preferences.handling === 'strict';
  if (kind !== 'put' && !singular && !(limited && preferences['max-affected'] !== undefined)) return {};
  return {
    check: (answers: Answers): void => {
      const outcome = readOutcome(answers);
      if (kind === 'put' && outcome.rows !== 1) throw badRequest.putKey();
      if (limited) assertMaxAffected(preferences, outcome.rows);
      if (singular) assertSingular(media.format, outcome.rows);
    },
  };
}

function answer(compiled: CompiledWrite, outcome: Outcome, context: ActionContext): RestResponse {
  const { kind, relation, headers } = compiled;
  const { media, preferences } = context;
  const represented = preferences.return === 'representation';
  const total = preferences.count === undefined || preferences.count === 'planned' ? undefined : outcome.rows;
  const range = kind === 'update' ? contentRange(0, outcome.rows - 1, total) : contentRange(1, 0, total);
  return respond(outcome, {
    status: statusOf(compiled, represented, outcome),
    headers: [
      ...(kind === 'put' ? [] : [range]),
      ...(outcome.location === null ? [] : [['Location', locationOf(relation, outcome.location)] as const]),
      ...headers,
    ],
    body: represented ? bodyOf(outcome, media) : '',
  });
}

function statusOf(target: Target, represented: boolean, { inserted }: Outcome): number {
  const some = Number(inserted ?? 0) > 0;
  if (target.kind === 'insert') return countsInserted(target) && !some ? 200 : 201;
  if (!represented) return 204;
  return target.kind === 'put' && some ? 201 : 200;
}

function honoured(target: Target): Preferences {
  const { kind, preferences } = target;
  const { resolution, missing, 'max-affected': most, ...rest } = preferences;
  return {
    ...rest,
    ...(kind === 'insert' && resolution !== undefined && conflictOf(target) ? { resolution } : {}),
    ...((kind === 'insert' || kind === 'update') && missing !== undefined ? { missing } : {}),
    ...((kind === 'update' || kind === 'delete') && most !== undefined ? { 'max-affected': most } : {}),
  };
}

/** Of one row only: several have no address in common. */
function locationSql(relation: Relation): string | undefined {
  const key = keyColumns(relation);
  if (key.length === 0) return undefined;
  const columns = key.map((name) => `${ident(name)}::text`).join(', ');
  return `(select json_build_array(${columns})::text from ${SOURCE} where (select count(*) from ${SOURCE}) = 1)`;
}

function keyColumns({ columns, primaryKey }: Relation): string[] {
  return [...columns.keys()].filter((name) => primaryKey.includes(name));
}

function locationOf(relation: Relation, location: string): string {
  const values = JSON.parse(location) as Array<string | null>;
  const query = keyColumns(relation).map((column, at) => {
    const value = values[at] ?? null;
    return `${percentEncode(column)}=${value === null ? 'is.null' : `eq.${percentEncode(value)}`}`;
  });
  return `/${percentEncode(relation.name)}?${query.join('&')}`;
}
