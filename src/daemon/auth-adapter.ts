import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { AuthEngine } from '../services/auth/engine.ts';
import type { AuthResponse } from '../services/auth/message.ts';
import { networkOf } from './client-address.ts';
import { allowOrigin } from './cors.ts';
import type { Gate } from './gate.ts';
import { flatten, readBody, targetBelow } from './http.ts';
import { errorFields } from './log.ts';
import { logRequest } from './request-log.ts';

export interface AuthAdapterOptions {
  readonly log: Logger;
  readonly cors: readonly string[];
  readonly stopping: () => boolean;
  readonly gate: Gate;
}

export const AUTH_PATH = '/auth/v1';
/** Bytes of a request's body. */
const MAX_BODY = 1024 * 1024;

/** HTTP in, a request value to the engine, its response value out. */
export function authAdapter(engine: AuthEngine, options: AuthAdapterOptions): RequestListener {
  return (request, response) => {
    const { path, query } = targetBelow(AUTH_PATH, request.url);
    const id = logRequest(request, response, AUTH_PATH + path, options.log);
    if (options.stopping()) response.setHeader('connection', 'close');
    if (allowOrigin(options.cors, request, response, 204)) return;
    serve(engine, { request, response, path, query, id }, options).catch((error: unknown) => {
      if (response.destroyed) return;
      options.log.error({ requestId: id, ...errorFields(error) }, 'failed');
      if (response.headersSent) response.destroy();
      else write(response, refusal(500, 'unexpected_failure', 'Internal error; the log has the request id'));
    });
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: string;
  readonly id: string;
}

async function serve(engine: AuthEngine, exchange: Exchange, { gate }: AuthAdapterOptions): Promise<void> {
  const { request, response, path, query, id } = exchange;
  const { admission, retryAfterSeconds } = await gate.admit(request, query);
  if (retryAfterSeconds !== undefined) {
    response.setHeader('Retry-After', retryAfterSeconds);
    return write(response, refusal(429, 'over_request_rate_limit', 'Request rate limit reached'));
  }
  const body = await readBody(request, MAX_BODY);
  if (body === undefined) {
    response.setHeader('Connection', 'close');
    return write(response, refusal(413, 'validation_failed', `The request body is larger than ${MAX_BODY} bytes`));
  }
  const ip = gate.clientAddress(request);
  const { method = 'GET' } = request;
  const from = { headers: flatten(request), ip, network: networkOf(ip), admission };
  write(response, await engine({ method, path, query, body, id, ...from }));
}

function write(response: ServerResponse, { status, headers, body }: AuthResponse): void {
  // Answers hold tokens: nobody on the way may keep them. What may be kept says so itself.
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Vary', 'Origin');
  for (const [name, value] of headers) response.setHeader(name, value);
  response.statusCode = status;
  if (body === '') response.end();
  else {
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(body);
  }
}

function refusal(status: number, code: string, msg: string): AuthResponse {
  const body = JSON.stringify({ code: status, error_code: code, msg });
  return {
    status,
    headers: [
      ['Content-Type', 'application/json'],
      ['x-sb-error-code', code],
    ],
    body,
  };
}
