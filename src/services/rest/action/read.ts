import type { Answers } from '../../../foundation/postgres/wire/wire.ts';
import type { RestResponse } from '../message.ts';
import { parseQuery, type Query } from '../parse/query.ts';
import { parseRange, type Range } from '../parse/range.ts';
import { planRead, type ReadNode } from '../plan/read.ts';
import { shapeOf, unmask } from '../plan/shape.ts';
import { assertSingular, bodyOf, readOutcome } from '../reply/outcome.ts';
import { pageStatus, percentEncode, preferenceHeader, respond } from '../reply/respond.ts';
import { tableNotFound } from '../schema/errors.ts';
import { keyOf } from '../schema/model.ts';
import { Params } from '../sql/params.ts';
import { readSql } from '../sql/read.ts';
import { mainStatement, rowsBody, showsText } from '../sql/statement.ts';
import { readerOf } from '../sealed/select.ts';
import { perform, type Statement } from '../transaction.ts';
import type { ActionContext } from './context.ts';
import { countedTotal, countStatements } from './count.ts';
import { explain } from './explain.ts';

/** GET and HEAD of a table or view. */
export async function readAction(name: string, context: ActionContext): Promise<RestResponse> {
  const { media } = context;
  const { key, pairs, values } = shapeOf(context.pairs);
  const { main, counting, node } = cachedRead(key, name, { ...context, pairs });
  const bound = { text: main.text, values: unmask(main.values, values) };
  if (media.plan) return explain(bound, { readOnly: true }, context);
  const answers = await perform(
    {
      readOnly: true,
      csv: media.format === 'csv',
      whole: media.handler?.binary === true,
      statements: [...counting.map((each) => ({ ...each, values: unmask(each.values, values) })), bound],
      check: (each) => assertSingular(media.format, readOutcome(each).rows),
    },
    context,
  );
  return answer(name, node, answers, context);
}

function answer(name: string, node: ReadNode, answers: Answers, context: ActionContext): RestResponse {
  const { media, preferences } = context;
  const outcome = readOutcome(answers);
  const total = countedTotal(outcome, answers.results[0], preferences.count, context.plan.maxRows, node);
  const { status, range: rangeHeader, error } = pageStatus(node.offset, { rows: outcome.rows, total });
  return respond(outcome, {
    status,
    headers: [
      rangeHeader,
      ...contentLocation(name, context),
      ['Content-Type', media.contentType],
      ...context.profileHeader,
      ...preferenceHeader(applied(preferences)),
    ],
    body: error ? error.body : bodyOf(outcome, media),
  });
}

export interface CompiledRead {
  readonly main: Statement;
  readonly counting: readonly Statement[];
  readonly node: ReadNode;
}

/** Parsing and planning cost as much as the rest of a request, and clients ask the same few things. */
function cachedRead(query: string, name: string, context: ActionContext): CompiledRead {
  const { cache, schema, request, compiled, identity } = context;
  const { accept, prefer, range } = request.headers;
  const key =
    JSON.stringify([cache.version, schema, request.method, name, query, accept, prefer, range]) +
    (cache.sealed ? identity.role : '');
  const known = compiled.get(key);
  if (known) return known;
  const made = compileRead(name, context);
  compiled.set(key, made);
  return made;
}

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
  return { main: { text, values: params.values }, counting: counting.statements, node };
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

function contentLocation(name: string, { pairs }: ActionContext): Array<readonly [string, string]> {
  const location = `/${encodeURIComponent(name)}${canonical(pairs)}`;
  return location.length > LONGEST_LOCATION ? [] : [['Content-Location', location]];
}

function canonical(pairs: ActionContext['pairs']): string {
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const text = sorted.map(([key, value]) => `${percentEncode(key)}=${percentEncode(value)}`).join('&');
  return text === '' ? '' : `?${text}`;
}
