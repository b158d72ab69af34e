import type { Answers } from '../../../foundation/postgres/wire/wire.ts';
import type { RestResponse } from '../message.ts';
import { parseQuery, type Query } from '../parse/query.ts';
import { parseRange, type Range } from '../parse/range.ts';
import { planRead, type ReadNode } from '../plan/read.ts';
import { fillIn, MARK, unmask } from '../plan/shape.ts';
import { assertSingular, bodyOf, isSingular, readOutcome } from '../reply/outcome.ts';
import { pageStatus, percentEncode, preferenceHeader, respond } from '../reply/respond.ts';
import { tableNotFound } from '../schema/errors.ts';
import { keyOf } from '../schema/model.ts';
import { Params } from '../sql/params.ts';
import { readSql } from '../sql/read.ts';
import { mainStatement, rowsBody, showsText } from '../sql/statement.ts';
import { readerOf } from '../sealed/select.ts';
import { perform, type Action, type Statement } from '../transaction.ts';
import type { ActionContext } from './context.ts';
import { countedTotal, countStatements } from './count.ts';
import { explain } from './explain.ts';

/** GET and HEAD of a table or view. */
export async function readAction(name: string, context: ActionContext): Promise<RestResponse> {
  const { media, values } = context;
  const compiled = context.once(`read ${readerKey(context)}`, () => compileRead(name, context));
  const statements = compiled.statements.map((each) => bind(each, values));
  const main = statements.at(-1);
  if (media.plan && main) return explain(main, { readOnly: true }, context);
  const answers = await perform({ ...compiled.action, statements }, context);
  return answer(compiled, answers, context);
}

/** Who reads decides what a plan shows of encrypted columns. */
export function readerKey({ cache, identity }: ActionContext): string {
  return cache.sealed ? identity.role : '';
}

/** A compiled statement for this request. */
export function bind({ text, values }: Statement, own: readonly string[], body?: string): Statement {
  return { text, values: unmask(values, own, body) };
}

function answer(compiled: CompiledRead, answers: Answers, context: ActionContext): RestResponse {
  const { node, headers, locate } = compiled;
  const { media, preferences } = context;
  const outcome = readOutcome(answers);
  const total = countedTotal(outcome, answers.results[0], preferences.count, context.plan.maxRows, node);
  const { status, range, error } = pageStatus(node.offset, { rows: outcome.rows, total });
  const location = locate(context.values);
  return respond(outcome, {
    status,
    headers:
      location.length > LONGEST_LOCATION ? [range, ...headers] : [range, ['Content-Location', location], ...headers],
    body: error ? error.body : bodyOf(outcome, media),
  });
}

interface CompiledRead {
  readonly action: Omit<Action, 'statements'>;
  /** The main one last. */
  readonly statements: readonly Statement[];
  readonly node: ReadNode;
  /** Those that depend on the head alone. */
  readonly headers: RestResponse['headers'];
  readonly locate: (values: readonly string[]) => string;
}

/** Of what the head says alone: it serves other requests too. */
function compileRead(name: string, context: ActionContext): CompiledRead {
  const { cache, schema, media, request, preferences } = context;
  const origin = { schema, name };
  if (!cache.relations.has(keyOf(origin))) throw tableNotFound(origin, cache);
  const query = parseQuery(context.pairs);
  const range = topRange(query, request.method === 'GET' ? request.headers['range'] : undefined);
  const node = planRead(origin, withRange(query, range), context.plan);
  const head = request.method === 'HEAD';
  const params = new Params();
  const page = readSql(node, { params, cache, asText: showsText(media), role: readerOf(context.identity, media) });
  const counting = countStatements(node, params, preferences.count, context);
  const text = mainStatement({
    with: [],
    page,
    body: head ? `''` : rowsBody(media),
    matches: counting.matches,
  });
  return {
    action: {
      readOnly: true,
      csv: media.format === 'csv',
      whole: media.handler?.binary === true,
      ...(isSingular(media) ? { check: (answers) => assertSingular(media.format, readOutcome(answers).rows) } : {}),
    },
    statements: [...counting.statements, { text, values: params.values }],
    node,
    headers: [['Content-Type', media.contentType], ...context.profileHeader, ...preferenceHeader(applied(preferences))],
    locate: fillIn(`/${encodeURIComponent(name)}${canonical(context.pairs)}`, percentEncode),
  };
}

/** The range of the relation itself; embeds have theirs in the query. */
export function topRange(query: Query, header: string | undefined): Range {
  const top = (list: Query['limit']): number | undefined => list.findLast(({ path }) => path.length === 0)?.value;
  return parseRange({ limit: top(query.limit), offset: top(query.offset) }, header);
}

export function withRange(query: Query, { limit, offset }: Range): Query {
  const below = (list: Query['limit']): Query['limit'] => list.filter(({ path }) => path.length > 0);
  return {
    ...query,
    limit: [...below(query.limit), ...(limit === undefined ? [] : [{ path: [], value: limit }])],
    offset: [...below(query.offset), { path: [], value: offset }],
  };
}

/** Only what a read obeys. */
export function applied({ count, tx, handling, timezone }: ActionContext['preferences']): ActionContext['preferences'] {
  return {
    ...(count === undefined ? {} : { count }),
    ...(tx === undefined ? {} : { tx }),
    ...(handling === undefined ? {} : { handling }),
    ...(timezone === undefined ? {} : { timezone }),
  };
}

/** Clients refuse an answer whose headers exceed 16 kB, and a filter with a long list would make this one as long. */
const LONGEST_LOCATION = 4096;

function canonical(pairs: ActionContext['pairs']): string {
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const text = sorted.map(([key, value]) => `${percentEncode(key)}=${encodeUnmarked(value)}`).join('&');
  return text === '' ? '' : `?${text}`;
}

/** A mark stays, for the value to be put in. */
function encodeUnmarked(value: string): string {
  const at = value.indexOf(MARK);
  return at < 0 ? percentEncode(value) : percentEncode(value.slice(0, at)) + value.slice(at);
}
