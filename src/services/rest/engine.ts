import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { Pool } from '../../foundation/postgres/pool.ts';
import { callAction } from './action/call.ts';
import type { ActionContext } from './action/context.ts';
import { relationInfo, rootInfo, routineInfo } from './action/info.ts';
import { readAction, type CompiledRead } from './action/read.ts';
import { rootAction } from './action/root.ts';
import { writeAction } from './action/write.ts';
import { badRequest, RestError } from './errors.ts';
import { Lru } from './lru.ts';
import type { Identity, RestRequest, RestResponse } from './message.ts';
import type { RestOptions } from './options.ts';
import { chooseMedia, JSON_ARRAY, type Media } from './parse/media.ts';
import { parsePrefer } from './parse/prefer.ts';
import { decodeQuery } from './parse/query.ts';
import { fromDatabase } from './pg-errors.ts';
import { isHeader } from './reply/respond.ts';
import { findHandler } from './plan/find-handler.ts';
import type { QualifiedName, SchemaCache } from './schema/model.ts';
import type { SchemaStore } from './schema-store.ts';

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
  const compiled = new Lru<CompiledRead>(COMPILED);
  return async (request) => {
    let anonymous = true;
    try {
      const identity = await parts.identify(request);
      anonymous = identity.role === parts.options.anonRole;
      return await answer(request, identity, parts, compiled);
    } catch (error) {
      const refusal = fromDatabase(error, anonymous);
      if (!(refusal instanceof RestError)) throw refusal;
      return errorResponse(refusal, request.method === 'HEAD');
    }
  };
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

/** Query shapes; each holds some kilobytes. */
const COMPILED = 1_000;

async function answer(
  request: RestRequest,
  identity: Identity,
  parts: EngineParts,
  compiled: Lru<CompiledRead>,
): Promise<RestResponse> {
  const cache = await parts.schema.current();
  try {
    return await answerBy(cache, request, identity, parts, compiled);
  } catch (error) {
    const newer = isMissing(error) ? await parts.schema.newer(cache) : undefined;
    if (!newer) throw error;
    return answerBy(newer, request, identity, parts, compiled);
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
  parts: EngineParts,
  compiled: Lru<CompiledRead>,
): Promise<RestResponse> {
  const target = parseTarget(request.path);
  const options = { ...parts.options, ...cache.overrides };
  const { schema, profileHeader } = chooseSchema(request, options);
  if (request.method === 'OPTIONS') {
    if (target.kind === 'root') return rootInfo();
    return target.kind === 'routine'
      ? routineInfo(cache, schema, target.name)
      : relationInfo(cache, schema, target.name);
  }
  if (target.kind !== 'routine' && !METHODS.has(request.method)) throw badRequest.method(request.method);
  const pairs = decodeQuery(request.query).filter(([key]) => key !== 'apikey');
  const mediaOf = (owner: QualifiedName): Media =>
    chooseMedia(request.headers['accept'], {
      planEnabled: options.planEnabled,
      root: target.kind === 'root',
      handlerOf: (type) => findHandler(cache, owner, type, pairs),
    });
  const context: ActionContext = {
    pool: parts.pool,
    options,
    cache,
    schema,
    identity: effectiveIdentity(identity, parts.options, options),
    request,
    compiled,
    profileHeader,
    newer: async () => parts.schema.newer(cache),
    preferences: parsePrefer(request.headers['prefer'], options.txEnd.endsWith('allow-override')),
    pairs,
    mediaOf,
    media:
      target.kind === 'routine' ? JSON_ARRAY : mediaOf({ schema, name: target.kind === 'root' ? '' : target.name }),
    plan: {
      cache,
      maxRows: options.maxRows === 0 ? undefined : options.maxRows,
      aggregatesEnabled: options.aggregatesEnabled,
    },
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

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE']);

type Target = { readonly kind: 'root' } | { readonly kind: 'relation' | 'routine'; readonly name: string };

/** @throws RestError PGRST125 */
function parseTarget(path: string): Target {
  const [first, second, ...more] = path.split('/').filter((part) => part !== '');
  if (first === undefined) return { kind: 'root' };
  if (second === undefined) return { kind: 'relation', name: decodeSegment(first) };
  if (first === 'rpc' && more.length === 0) {
    return { kind: 'routine', name: decodeSegment(second) };
  }
  throw badRequest.path();
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest.path();
  }
}

/** Accept-Profile for reads, Content-Profile for the rest. */
function chooseSchema(request: RestRequest, { schemas }: RestOptions) {
  const writes = ['POST', 'PATCH', 'PUT', 'DELETE'].includes(request.method);
  const wanted = request.headers[writes ? 'content-profile' : 'accept-profile'];
  const schema = wanted ?? schemas[0] ?? 'public';
  if (!schemas.includes(schema)) throw badRequest.schema(schema, schemas);
  const profileHeader = schemas.length > 1 || wanted !== undefined ? [['Content-Profile', schema] as const] : [];
  return { schema, profileHeader };
}
