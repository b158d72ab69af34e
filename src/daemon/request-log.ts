import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** A request id on the response and, when it is over, in the log. */
export function logRequest(request: IncomingMessage, response: ServerResponse, path: string, log: Logger): string {
  const id = requestIdOf(request);
  response.setHeader('x-request-id', id);
  const over = startLine(id, request, path, log);
  response.once('close', () => over(response));
  return id;
}

/** The caller's own, if it is one; else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
}

/**
 * Gives what writes the line when the response is over. The path is logged without its query, which may hold keys,
 * tokens and what people search for.
 */
export function startLine(
  requestId: string,
  { method }: IncomingMessage,
  path: string,
  log: Logger,
): (response: ServerResponse) => void {
  const start = performance.now();
  return (response) => {
    const ms = Math.round((performance.now() - start) * 1_000) / 1_000;
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
  };
}

/** Characters of a path in the log: none of ours is longer, and a line is not for strangers to fill. */
const MAX_PATH = 300;
