import { ident } from '../../../foundation/postgres/sql.ts';
import { badRequest } from '../errors.ts';
import type { RestResponse } from '../message.ts';
import { looksLikeFilter } from '../parse/filter.ts';
import { decodeText, mediaOf, readPayload } from '../parse/payload.ts';
import { isReserved, parseQuery, type Pair } from '../parse/query.ts';
import { findRoutine } from '../plan/find-routine.ts';
import { planRead, type ReadNode } from '../plan/read.ts';
import { assertMaxAffected, assertSingular, readOutcome } from '../reply/outcome.ts';
import { pageStatus, preferenceHeader, respond } from '../reply/respond.ts';
import { keyOf, type Routine } from '../schema/model.ts';
import { CALL, callSql, SCALAR, type Arguments } from '../sql/call.ts';
import { Params } from '../sql/params.ts';
import { readSql } from '../sql/read.ts';
import { returningList, SOURCE } from '../sql/returning.ts';
import { mainStatement, PAGE, rowsBody } from '../sql/statement.ts';
import { perform } from '../transaction.ts';
import type { ActionContext } from './context.ts';
import { explain } from './explain.ts';
import { applied, topRange, withRange } from './read.ts';

/** GET, HEAD and POST of a function. */
export async function callAction(name: string, context: ActionContext): Promise<RestResponse> {
  const { request, media, preferences } = context;
  if (!['GET', 'HEAD', 'POST'].includes(request.method)) throw badRequest.rpcMethod(request.method);
  const { routine, args, pairs } = resolveCall(name, context);
  assertLimitable(routine, preferences);
  const query = parseQuery(pairs);
  const range = topRange(query, request.method === 'GET' ? request.headers['range'] : undefined);
  const node = planRead(routine.returns.relation ?? routine, withRange(query, range), context.plan);
  const params = new Params();
  const { page, matches, body, source } = callParts(routine, args, node, params, context);
  const wantsTotal = preferences.count !== undefined;
  const text = mainStatement({
    with: [source],
    page,
    body: request.method === 'HEAD' ? `''` : body,
    matches: wantsTotal ? matches : undefined,
  });
  const main = { text, values: params.values };
  const readOnly = request.method !== 'POST' || routine.volatility !== 'v';
  const action = { readOnly, settings: routine.settings };
  if (media.plan) return explain(main, action, context);
  const rowsOnly = routine.returns.kind === 'composite' || routine.returns.kind === 'record';
  const answers = await perform(
    {
      ...action,
      statements: [main],
      check: (each) => {
        const { rows } = readOutcome(each);
        if (rowsOnly) assertSingular(media.format, rows);
        assertMaxAffected(preferences, rows);
      },
    },
    context,
  );
  const outcome = readOutcome(answers);
  const { status, range: rangeHeader, error } = pageStatus(node.offset, outcome);
  const most = preferences['max-affected'];
  const honoured = { ...applied(preferences), ...(most === undefined ? {} : { 'max-affected': most }) };
  const headers = [rangeHeader, ...preferenceHeader(honoured)];
  if (routine.returns.kind === 'void') return respond(outcome, { status: 204, headers, body: '' });
  return respond(outcome, {
    status,
    headers: [...headers, ['Content-Type', media.contentType], ...context.profileHeader],
    body: error ? error.body : outcome.body,
  });
}

interface ResolvedCall {
  readonly routine: Routine;
  readonly args: Arguments;
  /** What is left for filters, order and the like. */
  readonly pairs: readonly Pair[];
}

function resolveCall(name: string, context: ActionContext): ResolvedCall {
  const { schema, cache, request, pairs } = context;
  if (request.method !== 'POST') {
    const known = new Set(
      (cache.routines.get(keyOf({ schema, name })) ?? []).flatMap(({ parameters }) =>
        parameters.map((each) => each.name),
      ),
    );
    const isArgument = ([key, value]: Pair): boolean =>
      !isReserved(key) && (known.has(key) || (!key.includes('.') && !looksLikeFilter(value)));
    const values = new Map<string, string[]>();
    for (const [key, value] of pairs.filter(isArgument)) values.set(key, [...(values.get(key) ?? []), value]);
    const { routine } = findRoutine({ schema, name, args: [...values.keys()], bodyType: undefined }, cache);
    return { routine, args: { kind: 'text', values }, pairs: pairs.filter((pair) => !isArgument(pair)) };
  }
  const bodyType = mediaOf(request.headers['content-type']);
  const textual = bodyType === 'text/plain' || bodyType === 'text/xml';
  if (textual || bodyType === 'application/octet-stream') {
    const { routine } = findRoutine({ schema, name, args: [], bodyType }, cache);
    const text = textual ? decodeText(request.body) : `\\x${request.body.toString('hex')}`;
    return { routine, args: { kind: 'body', text }, pairs };
  }
  return { ...resolveJsonCall(name, bodyType, context), pairs };
}

function resolveJsonCall(name: string, bodyType: string, context: ActionContext): Omit<ResolvedCall, 'pairs'> {
  const { schema, cache, request } = context;
  const columns = parseQuery(context.pairs.filter(([key]) => key === 'columns')).columns;
  const overloads = cache.routines.get(keyOf({ schema, name })) ?? [];
  const takesBody = overloads.some(({ parameters: [first] }) => first?.name === '');
  const payload = takesBody ? undefined : readPayload(request.body, request.headers['content-type'], columns);
  const read = payload ?? tolerantPayload(request.body, request.headers['content-type'], columns);
  const { routine, wholeBody } = findRoutine({ schema, name, args: read.columns, bodyType }, cache);
  if (wholeBody) return { routine, args: { kind: 'body', text: decodeText(request.body) } };
  return { routine, args: { kind: 'json', names: read.columns, text: read.json } };
}

/** For a function that takes any JSON: what is no object has no keys, and Postgres says whether it is JSON. */
function tolerantPayload(body: Buffer, type: string | undefined, columns: readonly string[] | undefined) {
  try {
    return readPayload(body, type, columns);
  } catch {
    return { json: '[]', columns: ['\u0000'] };
  }
}

/** @throws RestError PGRST128 */
function assertLimitable({ returns }: Routine, { handling, 'max-affected': most }: ActionContext['preferences']): void {
  if (handling === 'strict' && most !== undefined && !returns.set) throw badRequest.maxAffectedRpc();
}

interface CallParts {
  readonly source: string;
  readonly page: string;
  readonly body: string;
  readonly matches: string;
}

function callParts(
  routine: Routine,
  args: Arguments,
  node: ReadNode,
  params: Params,
  { cache, media }: ActionContext,
): CallParts {
  const { kind, set } = routine.returns;
  const fields = { params, cache, origin: 'relation' as const, node: { alias: CALL, relation: node.relation } };
  const call = callSql(routine, args, returningList({ ...node, star: true }, fields), params);
  // A volatile function must run once, whatever is read of its rows.
  const source = `${SOURCE} as ${routine.volatility === 'v' || kind === 'void' ? 'materialized ' : ''}(${call})`;
  if (kind === 'composite' || kind === 'record') {
    const from = `${SOURCE} as ${ident(node.alias)}`;
    const { rows, matches } = readSql(node, { params, cache }, { from, origin: 'rows' });
    const format = set || media.format !== 'array' ? media.format : 'object';
    return { source, page: rows, matches, body: rowsBody(format) };
  }
  const all = `select ${SCALAR} from ${SOURCE}`;
  const values = `json_agg(${PAGE}.${SCALAR})`;
  const body = kind === 'void' ? `''` : set ? `coalesce(${values}, '[]')` : `coalesce(${values}->0, 'null')`;
  return { source, page: all, matches: all, body };
}
