import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Logger } from 'pino';
import type { Caller } from '../foundation/postgres/pool.ts';
import type { RestEngine } from '../services/rest/engine.ts';
import type { RestResponse } from '../services/rest/message.ts';
import { discard } from '../services/rest/reply/respond.ts';
import type { Gate } from './gate.ts';
import { allowOrigin } from './cors.ts';
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
    const target = (request.url ?? '').slice(REST_PATH.length);
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const requestId = logRequest(request, response, REST_PATH + path, options.log);
    if (options.stopping()) response.setHeader('connection', 'close');
    if (allowOrigin(options.cors, request, response, 200)) return;
    const query = mark < 0 ? '' : target.slice(mark + 1);
    serve(engine, { request, response, path: path === '' ? '/' : path, query }, options).catch((error: unknown) => {
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
  const body = admission.as === 'refused' ? NOTHING : await readBody(request);
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

/** `undefined` when it is too long; the rest is not read. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (encoding === undefined && (length === undefined || length === '0')) return NOTHING;
  if (Number(length ?? 0) > MAX_BODY) return undefined;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) {
        request.pause();
        resolve(undefined);
      } else chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

/** Several Prefer lines are one list. */
function flatten({ headers }: IncomingMessage): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flat;
}

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
