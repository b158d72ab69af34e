import type { Answers } from '../../../foundation/postgres/wire/wire.ts';
import { badRequest } from '../errors.ts';
import type { RestResponse } from '../message.ts';
import { parseQuery } from '../parse/query.ts';
import { planRead, type ReadNode } from '../plan/read.ts';
import { assertMaxAffected, assertSingular, bodyOf, isSingular, readOutcome } from '../reply/outcome.ts';
import { pageStatus, preferenceHeader, respond } from '../reply/respond.ts';
import type { Routine } from '../schema/model.ts';
import type { Media } from '../parse/media.ts';
import { CALL, callSql, SCALAR, type Arguments } from '../sql/call.ts';
import { Params } from '../sql/params.ts';
import { matchesSql, readSql, type ReadContext } from '../sql/read.ts';
import { returningList, SOURCE } from '../sql/returning.ts';
import { mainStatement, PAGE, rowsBody, scalarBody, showsText } from '../sql/statement.ts';
import { ident } from '../../../foundation/postgres/sql.ts';
import { readerOf } from '../sealed/select.ts';
import { perform, type Action, type Statement } from '../transaction.ts';
import { readCall, type ResolvedCall } from './arguments.ts';
import type { ActionContext } from './context.ts';
import { explain } from './explain.ts';
import { applied, bind, readerKey, topRange, withRange } from './read.ts';

/** GET, HEAD and POST of a function. */
export async function callAction(name: string, context: ActionContext): Promise<RestResponse> {
  const { request, values } = context;
  if (!['GET', 'HEAD', 'POST'].includes(request.method)) throw badRequest.rpcMethod(request.method);
  const { key, body, resolve } = readCall(name, context);
  const make = (): CompiledCall => compileCall(resolve(), context);
  const { main, action, node, media, headers, isVoid } =
    key === undefined ? make() : context.once(`${key} ${readerKey(context)}`, make);
  const bound = bind(main, values, body);
  if (media.plan) return explain(bound, action, { ...context, media });
  const outcome = readOutcome(await perform({ ...action, statements: [bound] }, context));
  const { status, range, error } = pageStatus(node.offset, outcome);
  if (isVoid) return respond(outcome, { status: 204, headers: [range, ...headers], body: '' });
  return respond(outcome, {
    status,
    headers: [range, ...headers],
    body: error ? error.body : bodyOf(outcome, media),
  });
}

interface CompiledCall {
  readonly main: Statement;
  readonly action: Omit<Action, 'statements'>;
  readonly node: ReadNode;
  readonly media: Media;
  readonly headers: RestResponse['headers'];
  readonly isVoid: boolean;
}

function compileCall({ routine, args, pairs }: ResolvedCall, context: ActionContext): CompiledCall {
  const { request, preferences } = context;
  const media = context.mediaOf(routine.returns.relation ?? routine);
  assertLimitable(routine, preferences);
  const query = parseQuery(pairs);
  const range = topRange(query, request.method === 'GET' ? request.headers['range'] : undefined);
  const node = planRead(routine.returns.relation ?? routine, withRange(query, range), context.plan);
  const most = preferences['max-affected'];
  const honoured = { ...applied(preferences), ...(most === undefined ? {} : { 'max-affected': most }) };
  const isVoid = routine.returns.kind === 'void';
  const checked = isSingular(media) || (preferences.handling === 'strict' && most !== undefined);
  const check = (answers: Answers): void => {
    const { rows } = readOutcome(answers);
    assertSingular(media.format, rows);
    assertMaxAffected(preferences, rows);
  };
  return {
    main: mainOf(routine, args, node, media, context),
    action: {
      readOnly: request.method !== 'POST' || routine.volatility !== 'v',
      opensKeys: true,
      csv: media.format === 'csv',
      settings: routine.settings,
      whole: media.handler?.binary === true,
      // Looking at the results of a write before it ends costs a round trip.
      ...(checked ? { check } : {}),
    },
    node,
    media,
    headers: [
      ...preferenceHeader(honoured),
      ...(isVoid ? [] : [['Content-Type', media.contentType] as const, ...context.profileHeader]),
    ],
    isVoid,
  };
}

/** @throws RestError PGRST128 */
function assertLimitable({ returns }: Routine, { handling, 'max-affected': most }: ActionContext['preferences']): void {
  if (handling === 'strict' && most !== undefined && !returns.set) throw badRequest.maxAffectedRpc();
}

function mainOf(
  routine: Routine,
  args: Arguments,
  node: ReadNode,
  media: Media,
  { cache, request, preferences, identity }: ActionContext,
): { text: string; values: Array<string | null> } {
  const params = new Params();
  const { kind } = routine.returns;
  const fields = { params, cache, origin: 'relation' as const, node: { alias: CALL, relation: node.relation } };
  const call = callSql(routine, args, returningList({ ...node, star: true }, fields), params);
  // A volatile function must run once, whatever is read of its rows.
  const once = routine.volatility === 'v' || kind === 'void' ? 'materialized ' : '';
  const reading = { params, cache, role: readerOf(identity, media) };
  const { page, matches, body } =
    kind === 'composite' ? rowsOf(routine, node, media, reading) : valuesOf(routine, node, media, reading);
  const wantsTotal = preferences.count === 'exact' || preferences.count === 'estimated';
  const text = mainStatement({
    with: [`${SOURCE} as ${once}(${call})`],
    page,
    body: request.method === 'HEAD' ? `''` : body,
    matches: wantsTotal ? matches() : undefined,
  });
  return { text, values: params.values };
}

interface CallParts {
  readonly page: string;
  readonly body: string;
  readonly matches: () => string;
}

function rowsOf(routine: Routine, node: ReadNode, media: Media, context: ReadContext): CallParts {
  const source = { from: `${SOURCE} as ${ident(node.alias)}`, origin: 'rows' as const };
  const one = !routine.returns.set && (media.format === 'array' || media.format === 'stripped-array');
  const shown = one
    ? { ...media, format: media.format === 'array' ? ('object' as const) : ('stripped-object' as const) }
    : media;
  return {
    page: readSql(node, { ...context, asText: showsText(media) }, source),
    body: rowsBody(shown),
    matches: () => matchesSql(node, context, source),
  };
}

/** Values are rows of one column, which can be filtered, ordered and limited like any. */
function valuesOf({ returns: { kind, set } }: Routine, node: ReadNode, media: Media, context: ReadContext): CallParts {
  const source = { from: `${SOURCE} as ${ident(node.alias)}`, origin: 'rows' as const };
  return {
    page: readSql({ ...node, star: true, fields: [] }, context, source),
    matches: () => matchesSql(node, context, source),
    body: kind === 'void' ? `''` : scalarBody(`${PAGE}.${SCALAR}`, set, media),
  };
}
