import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { Pool, Sender } from '../../foundation/postgres/pool.ts';
import { callAction } from './action/call.ts';
import type { Ask } from './beyond/ask.ts';
import { answerBeyond } from './beyond/answer.ts';
import type { ActionContext } from './action/context.ts';
import { relationInfo, rootInfo, routineInfo } from './action/info.ts';
import { readAction } from './action/read.ts';
import { rootAction } from './action/root.ts';
import { writeAction } from './action/write.ts';
import { badRequest, RestError } from './errors.ts';
import { makeHeadReader } from './head.ts';
import type { Identity, RestRequest, RestResponse } from './message.ts';
import type { RestOptions } from './options.ts';
import { nestsDeeply } from './parse/payload.ts';
import { fromDatabase } from './pg-errors.ts';
import { isHeader } from './reply/respond.ts';
import type { SchemaCache } from './schema/model.ts';
import type { SchemaStore } from './schema-store.ts';
import { Timing } from './timing.ts';

export interface EngineParts {
  readonly pool: Pool;
  readonly options: RestOptions;
  readonly schema: SchemaStore;
  /** Who asks; throws a RestError for a token that is not good. */
  readonly identify: (request: RestRequest) => Promise<Identity>;
}

/** Answers a request. Never throws for what a client did; what is thrown is a bug. */
export type RestEngine = (request: RestRequest) => Promise<RestResponse>;

export function makeRestEngine(parts: EngineParts): RestEngine {
  const readHead = makeHeadReader(parts.options);
  const ask: Ask = (request, identity, pool) => answer(request, identity, { ...parts, pool }, readHead);
  const respond = async (request: RestRequest, timing: Timing | undefined): Promise<RestResponse> => {
    let anonymous = true;
    try {
      const identity = await parts.identify(request);
      timing?.end('jwt');
      anonymous = identity.role === parts.options.anonRole;
      const beyond = { ...parts, identity, ask, cache: () => parts.schema.current() };
      return (
        (await answerBeyond(request, beyond, anonymous)) ?? (await answer(request, identity, parts, readHead, timing))
      );
    } catch (error) {
      const refusal = fromDatabase(tooDeep(error, request) ?? error, anonymous);
      if (!(refusal instanceof RestError)) throw refusal;
      return errorResponse(refusal, request.method === 'HEAD');
    }
  };
  return async (request) => {
    if (!isTimed(parts)) return respond(request, undefined);
    const timing = new Timing();
    const response = await respond(request, timing);
    timing.end('response');
    return { ...response, headers: [...response.headers, timing.header()] };
  };
}

/** What the database says of it is known from the second request on. */
function isTimed({ options, schema }: EngineParts): boolean {
  return schema.last?.overrides.serverTiming ?? options.serverTiming;
}

/** A stack that a body exhausted is the client's mistake; one that a function exhausted is not. */
function tooDeep(error: unknown, { body }: RestRequest): RestError | undefined {
  return isSqlState(error, '54001') && nestsDeeply(body.toString('latin1'))
    ? badRequest.body('The body nests too deeply')
    : undefined;
}

export function errorResponse(error: RestError, head = false): RestResponse {
  const { status, code, headers, body } = error;
  return {
    status,
    headers: [
      ['Content-Type', 'application/json; charset=utf-8'] as const,
      ['Proxy-Status', `PostgREST; error=${code}`] as const,
      ...headers,
      // A function may raise any text as its code and its headers.
    ].filter(([name, value]) => isHeader(name, value)),
    body: head ? '' : body,
  };
}

/** A request that is part of another one runs in that one's transaction. */
type AnswerParts = Omit<EngineParts, 'pool'> & { readonly pool: Sender };
type HeadReader = ReturnType<typeof makeHeadReader>;

async function answer(
  request: RestRequest,
  identity: Identity,
  parts: AnswerParts,
  readHead: HeadReader,
  timing?: Timing,
): Promise<RestResponse> {
  const cache = await parts.schema.current();
  try {
    return await answerBy(cache, request, identity, parts, readHead, timing);
  } catch (error) {
    const newer = isMissing(error) ? await parts.schema.newer(cache) : undefined;
    if (!newer) throw error;
    return answerBy(newer, request, identity, parts, readHead, timing);
  }
}

/** What the schema lacks may have been made since it was read: nothing was done yet, so the request can be tried again. */
function isMissing(error: unknown): boolean {
  if (isSqlState(error, 'VT001', 'VT002')) return true; // a column was encrypted meanwhile, or its key changed
  return error instanceof RestError && ['PGRST200', 'PGRST202', 'PGRST204', 'PGRST205'].includes(error.code);
}

async function answerBy(
  cache: SchemaCache,
  request: RestRequest,
  identity: Identity,
  parts: AnswerParts,
  readHead: HeadReader,
  timing: Timing | undefined,
): Promise<RestResponse> {
  const { head, values } = readHead(request, cache);
  timing?.end('parse');
  const { target, schema } = head;
  if (request.method === 'OPTIONS') {
    if (target.kind === 'root') return rootInfo();
    return target.kind === 'routine'
      ? routineInfo(cache, schema, target.name)
      : relationInfo(cache, schema, target.name);
  }
  // Named one by one: a spread of so many costs more than all else in here.
  const context: ActionContext = {
    target,
    schema,
    cache: head.cache,
    options: head.options,
    profileHeader: head.profileHeader,
    preferences: head.preferences,
    pairs: head.pairs,
    mediaOf: head.mediaOf,
    media: head.media,
    plan: head.plan,
    once: head.once,
    pool: parts.pool,
    identity: effectiveIdentity(identity, parts.options, head.options),
    request,
    values,
    timing,
    newer: async () => parts.schema.newer(cache),
  };
  if (target.kind === 'root') return rootAction(context);
  if (target.kind === 'routine') return callAction(target.name, context);
  return request.method === 'GET' || request.method === 'HEAD'
    ? readAction(target.name, context)
    : writeAction(target.name, context);
}

/** The database may name another role for those who come without a token. */
function effectiveIdentity(identity: Identity, own: RestOptions, { anonRole }: RestOptions): Identity {
  const anonymous = identity.role === own.anonRole && Object.keys(identity.claims).length === 1;
  if (!anonymous || anonRole === undefined || anonRole === own.anonRole) return identity;
  return { role: anonRole, claims: { role: anonRole } };
}
