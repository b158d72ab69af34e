import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';
import type { Caller } from '../foundation/postgres/pool.ts';
import type { RestEngine } from '../services/rest/engine.ts';
import type { RestResponse } from '../services/rest/message.ts';
import { discard } from '../services/rest/reply/respond.ts';
import type { Gate } from './gate.ts';
import { allowOrigin } from './cors.ts';
import { flatten, readBody, targetBelow } from './http.ts';
import { errorFields } from './log.ts';
import { logRequest } from './request-log.ts';

export interface RestAdapterOptions {
  readonly log: Logger;
  readonly cors: readonly string[];
  readonly gate: Gate;
  readonly serverTiming: boolean;
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
    const requestId = logRequest(request, response, REST_PATH + path, options.log);
    if (options.stopping()) response.setHeader('connection', 'close');
    if (allowOrigin(options.cors, request, response, 200)) return;
    serve(engine, { request, response, path, query }, options).catch((error: unknown) => {
      if (response.destroyed) return;
      options.log.error({ requestId, ...errorFields(error) }, 'failed');
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'PGRSTX00', 'Internal error; the log has the request id');
    });
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: string;
}

async function serve(
  engine: RestEngine,
  exchange: Exchange,
  { gate, serverTiming }: RestAdapterOptions,
): Promise<void> {
  const { request, response, path, query } = exchange;
  const start = performance.now();
  const caller: Caller = { gone: false, onGone: undefined };
  response.once('close', () => {
    if (response.writableFinished) return;
    caller.gone = true;
    caller.onGone?.();
  });
  const { admission, retryAfterSeconds } = await gate.admit(request, query);
  if (retryAfterSeconds !== undefined) return tooMany(response, retryAfterSeconds);
  const body = admission.as === 'refused' ? NOTHING : await readBody(request, MAX_BODY);
  if (body === undefined) return refuse(response, 413, 'PGRST102', `The request body is larger than ${MAX_BODY} bytes`);
  const { method = 'GET' } = request;
  const answer = await engine({ method, path, query, headers: flatten(request), body, admission, caller });
  if (serverTiming) response.setHeader('Server-Timing', `total;dur=${(performance.now() - start).toFixed(1)}`);
  write(response, method, answer);
}

function write(response: ServerResponse, method: string, { status, headers, body }: RestResponse): void {
  for (const [name, value] of headers) {
    // Two cookies are two headers; of anything else the last one counts.
    if (name.toLowerCase() === 'set-cookie') response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.setHeader('Vary', 'Accept, Prefer, Range, Origin');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.statusCode = status;
  if (method === 'HEAD' || status === 204) {
    discard(body);
    response.end();
    return;
  }
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(body);
    return;
  }
  response.setHeader('Content-Length', body.length);
  // On failure both ends are destroyed: what was sent falls short of the length, so nobody takes it for complete.
  pipeline(body.stream, response, () => undefined);
}

const NOTHING = Buffer.alloc(0);

/** The code is the one that functions of the database raise for the same: `PT` and the status. */
function tooMany(response: ServerResponse, seconds: number): void {
  response.setHeader('Retry-After', seconds);
  const hint = `Try again in ${seconds} second${seconds === 1 ? '' : 's'}.`;
  write(response, '', {
    status: 429,
    headers: [['Content-Type', 'application/json; charset=utf-8']],
    body: JSON.stringify({ code: 'PT429', details: null, hint, message: 'Too many requests' }),
  });
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  write(response, '', {
    status,
    headers: [
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Connection', 'close'],
    ],
    body: JSON.stringify({ code, details: null, hint: null, message }),
  });
}
