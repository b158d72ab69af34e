import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/**
 * A request id on the response and, when it is over, in the log. The path is logged without its query, which may hold
 * keys, tokens and what people search for.
 */
export function logRequest(request: IncomingMessage, response: ServerResponse, path: string, log: Logger): string {
  const given = request.headers['x-request-id'];
  const requestId = typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
  response.setHeader('x-request-id', requestId);
  const start = performance.now();
  const { method } = request;
  response.once('close', () => {
    const ms = performance.now() - start;
    const line = {
      requestId,
      method,
      path: path.slice(0, MAX_PATH),
      status: response.statusCode,
      ms,
      finished: response.writableFinished,
    };
    if (path === '/healthz' || path === '/readyz') log.debug(line, 'request');
    else log.info(line, 'request');
  });
  return requestId;
}

/** Characters of a path in the log: none of ours is longer, and a line is not for strangers to fill. */
const MAX_PATH = 300;
