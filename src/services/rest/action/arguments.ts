import { looksLikeFilter } from '../parse/filter.ts';
import { decodeText, mediaOf, readPayload, type Payload } from '../parse/payload.ts';
import { isReserved, parseQuery, type Pair } from '../parse/query.ts';
import { findRoutine } from '../plan/find-routine.ts';
import { BODY } from '../plan/shape.ts';
import { keyOf, type Routine } from '../schema/model.ts';
import type { Arguments } from '../sql/call.ts';
import type { ActionContext } from './context.ts';

export interface ResolvedCall {
  readonly routine: Routine;
  readonly args: Arguments;
  /** What is left for filters, order and the like. */
  readonly pairs: readonly Pair[];
}

/** What a request brings to a function. */
export interface Call {
  /** Calls of one head with the same key differ in their bodies alone; undefined for a call of its own. */
  readonly key: string | undefined;
  /** What the mark for the body stands for. */
  readonly body: string | undefined;
  /** @throws RestError PGRST102, PGRST202, PGRST203 */
  readonly resolve: () => ResolvedCall;
}

/**
 * Which function a request calls, and with what: a GET's arguments are the parameters of its URL that do not read as
 * filters, a POST's are in its body.
 *
 * @throws RestError PGRST102
 */
export function readCall(name: string, context: ActionContext): Call {
  const { schema, request, pairs } = context;
  const bodyType = mediaOf(request.headers['content-type']);
  const takesBody = context.once('takes body', () => {
    const overloads = context.cache.routines.get(keyOf({ schema, name })) ?? [];
    return { is: overloads.some(({ parameters: [first] }) => first?.name === '') };
  });
  if (request.method !== 'POST' || bodyType !== 'application/json' || takesBody.is) {
    return { key: undefined, body: undefined, resolve: () => resolveCall(name, bodyType, context) };
  }
  const { columns, single, json } = jsonArguments(false, bodyType, context);
  return {
    key: `call ${single} ${JSON.stringify(columns)}`,
    body: json,
    resolve: () => {
      const { routine } = findRoutine({ schema, name, args: columns, bodyType }, context.cache);
      return { routine, args: { kind: 'json', names: columns, text: BODY, single }, pairs };
    },
  };
}

function resolveCall(name: string, bodyType: string, context: ActionContext): ResolvedCall {
  const { schema, cache, request, pairs } = context;
  if (request.method !== 'POST') {
    const { routine, args } = fromText(name, pairs.filter(isArgument), undefined, context);
    return { routine, args, pairs: pairs.filter((pair) => !isArgument(pair)) };
  }
  if (bodyType === 'application/x-www-form-urlencoded') {
    return { ...fromText(name, [...new URLSearchParams(decodeText(request.body))], bodyType, context), pairs };
  }
  const textual = bodyType === 'text/plain' || bodyType === 'text/xml';
  if (textual || bodyType === 'application/octet-stream') {
    const { routine } = findRoutine({ schema, name, args: [], bodyType }, cache);
    const text = textual ? decodeText(request.body) : `\\x${request.body.toString('hex')}`;
    return { routine, args: { kind: 'body', text }, pairs };
  }
  return { ...fromJson(name, bodyType, context), pairs };
}

function isArgument([key, value, bare]: Pair): boolean {
  return !bare && !isReserved(key) && !key.includes('.') && !looksLikeFilter(value);
}

function fromText(
  name: string,
  pairs: readonly Pair[],
  bodyType: string | undefined,
  { schema, cache }: ActionContext,
) {
  const values = new Map<string, string[]>();
  for (const [key, value] of pairs) values.set(key, [...(values.get(key) ?? []), value]);
  const { routine } = findRoutine({ schema, name, args: [...values.keys()], bodyType }, cache);
  return { routine, args: { kind: 'text', values } as const };
}

function fromJson(name: string, bodyType: string, context: ActionContext): Omit<ResolvedCall, 'pairs'> {
  const { schema, cache, request } = context;
  const read = jsonArguments(bodyType === 'application/json', bodyType, context);
  const { routine, wholeBody } = findRoutine({ schema, name, args: read.columns, bodyType }, cache);
  if (wholeBody) return { routine, args: { kind: 'body', text: decodeText(request.body) } };
  return { routine, args: { kind: 'json', names: read.columns, text: read.json, single: read.single } };
}

function jsonArguments(tolerant: boolean, bodyType: string, { request, pairs, once }: ActionContext): Payload {
  const type = request.headers['content-type'];
  const { columns } = once('columns', () => parseQuery(pairs.filter(([key]) => key === 'columns')));
  const body = request.body.length === 0 && bodyType === 'application/json' ? Buffer.from('{}') : request.body;
  return tolerant ? tolerantPayload(body, type, columns) : readPayload(body, type, columns);
}

/** For a function that takes any JSON: what is no object has no keys, and Postgres says whether it is JSON. */
function tolerantPayload(body: Buffer, type: string | undefined, columns: readonly string[] | undefined): Payload {
  try {
    const read = readPayload(body, type, columns);
    return read.single || read.columns.length > 0 ? read : NO_KEYS;
  } catch {
    return NO_KEYS;
  }
}

/** No parameter is named so. */
const NO_KEYS: Payload = { json: '[]', columns: ['\u0000'], single: false };
