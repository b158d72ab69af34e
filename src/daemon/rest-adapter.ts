import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';
import type { Caller } from '../foundation/postgres/pool.ts';
import type { RestEngine } from '../services/rest/engine.ts';
import type { RestResponse } from '../services/rest/message.ts';
import { discard } from '../services/rest/reply/respond.ts';
import type { Gate } from './gate.ts';
import { allowOrigin, originHeaders } from './cors.ts';
import { flatten, readBody, targetBelow } from './http.ts';
import { errorFields } from './log.ts';
import { requestIdOf, startLine } from './request-log.ts';

export interface RestAdapterOptions {
  readonly log: Logger;
  readonly cors: readonly string[];
  readonly gate: Gate;
  readonly stopping: () => boolean;
}

export const REST_PATH = '/rest/v1';
/** Bytes of a request's body; a bulk insert of some hundred thousand rows. */
const MAX_BODY = 64 * 1024 * 1024;

/**
 * HTTP in, a request value to the engine, its response value out. On bare node:http: the router and the security
 * headers of pages cost a sixth of a small request, and JSON needs neither.
 */
export function restAdapter(
  engine: RestEngine,
  options: RestAdapterOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const { path, query } = targetBelow(REST_PATH, request.url);
    const requestId = requestIdOf(request);
    const over = startLine(requestId, request, REST_PATH + path, options.log);
    const caller: Caller = { gone: false, onGone: undefined };
    response.once('close', () => {
      over(response);
      if (response.writableFinished) return;
      caller.gone = true;
      caller.onGone?.();
    });
    if (request.method === 'OPTIONS') {
      response.setHeader('X-Request-Id', requestId);
      if (allowOrigin(options.cors, request, response, 200)) return;
    }
    const exchange = { request, response, path, query, caller, requestId };
    serve(engine, exchange, options).catch((error: unknown) => {
      if (response.destroyed) return;
      options.log.error({ requestId, ...errorFields(error) }, 'failed');
      if (response.headersSent) response.destroy();
      else write(exchange, options, refusal(500, 'PGRSTX00', 'Internal error; the log has the request id'));
    });
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: string;
  readonly caller: Caller;
  readonly requestId: string;
}

async function serve(engine: RestEngine, exchange: Exchange, options: RestAdapterOptions): Promise<void> {
  const { request, path, query, caller } = exchange;
  const { admission, retryAfterSeconds } = await options.gate.admit(request, query);
  if (retryAfterSeconds !== undefined) return write(exchange, options, tooMany(retryAfterSeconds));
  const body = admission.as === 'refused' ? NOTHING : await readBody(request, MAX_BODY);
  if (body === undefined) {
    return write(exchange, options, refusal(413, 'PGRST102', `The request body is larger than ${MAX_BODY} bytes`));
  }
  const { method = 'GET' } = request;
  const answer = await engine({ method, path, query, headers: flatten(request), body, admission, caller });
  write(exchange, options, answer);
}

/** Headers in one flat list: setting them one by one costs more than all else here. */
function write(
  { request, response, requestId }: Exchange,
  { cors, stopping }: RestAdapterOptions,
  { status, headers, body }: RestResponse,
): void {
  const flat = [
    'Vary',
    // Whose page asks makes no difference where all may.
    cors.includes('*') ? 'Accept, Prefer, Range' : 'Accept, Prefer, Range, Origin',
    'X-Content-Type-Options',
    'nosniff',
    'X-Request-Id',
    requestId,
  ];
  for (const [name, value] of headers) if (!OURS.has(name.toLowerCase())) flat.push(name, value);
  for (const [name, value] of originHeaders(cors, request)) flat.push(name, value);
  if (stopping()) flat.push('Connection', 'close');
  if (request.method === 'HEAD' || status === 204) {
    discard(body);
    response.writeHead(status, flat).end();
  } else if (typeof body === 'string') {
    flat.push('Content-Length', String(Buffer.byteLength(body)));
    response.writeHead(status, flat).end(body);
  } else if (Buffer.isBuffer(body)) {
    flat.push('Content-Length', String(body.length));
    response.writeHead(status, flat);
    // The same bytes as latin1 leave in one piece with the headers.
    if (body.length < SMALL) response.end(body.toString('latin1'), 'latin1');
    else response.end(body);
  } else {
    flat.push('Content-Length', String(body.length));
    response.writeHead(status, flat);
    // On failure both ends are destroyed: what was sent falls short of the length, so nobody takes it for complete.
    pipeline(body.stream, response, () => undefined);
  }
}

/** Functions of the database may set any header but these. */
const OURS = new Set(['vary', 'x-content-type-options', 'x-request-id', 'content-length', 'transfer-encoding']);
const SMALL = 16 * 1024;

const NOTHING = Buffer.alloc(0);

/** The code is the one that functions of the database raise for the same: `PT` and the status. */
function tooMany(seconds: number): RestResponse {
  const hint = `Try again in ${seconds} second${seconds === 1 ? '' : 's'}.`;
  return {
    status: 429,
    headers: [JSON_TYPE, ['Retry-After', String(seconds)]],
    body: JSON.stringify({ code: 'PT429', details: null, hint, message: 'Too many requests' }),
  };
}

function refusal(status: number, code: string, message: string): RestResponse {
  return {
    status,
    headers: [JSON_TYPE, ['Connection', 'close']],
    body: JSON.stringify({ code, details: null, hint: null, message }),
  };
}

const JSON_TYPE = ['Content-Type', 'application/json; charset=utf-8'] as const;
