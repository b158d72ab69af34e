import { randomUUID } from 'node:crypto';
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { errorFields } from './log.ts';

export interface AppParts {
  readonly log: Logger;
  /** Origins whose pages may call; `*` stands for all. */
  readonly cors: readonly string[];
  /** Why requests cannot be served now, or `undefined`. */
  readonly trouble: () => string | undefined;
  readonly stopping: () => boolean;
  /** What is served below each path. */
  readonly mounts?: Readonly<Record<string, RequestHandler>>;
}

/** The HTTP face: what every route shares, the two probes, and JSON for whatever has no route or fails. */
export function makeApp(parts: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(identify(parts));
  // Pages of other origins load what this API serves: that is what it is for.
  app.use(helmet({ crossOriginResourcePolicy: { policy: 'cross-origin' } }));
  app.use(allowOrigins(parts.cors));
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/readyz', (_request, response) => {
    const reason = parts.stopping() ? 'shutting down' : parts.trouble();
    if (reason === undefined) response.json({ status: 'ready' });
    else response.status(503).set('retry-after', '1').json({ status: 'unavailable', reason });
  });
  for (const [path, handler] of Object.entries(parts.mounts ?? {})) app.use(path, handler);
  app.use((request, response) => {
    fail(response, 404, 'NOT_FOUND', `there is no ${request.method} ${request.path}`);
  });
  app.use(answerErrors(parts.log));
  return app;
}

/** A request id on the response and in the log. The path is logged without its query, which may hold keys and tokens. */
function identify({ log, stopping }: AppParts) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const given = request.get('x-request-id');
    const requestId = given !== undefined && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID();
    response.locals.requestId = requestId;
    response.set('x-request-id', requestId);
    if (stopping()) response.set('connection', 'close');
    const start = process.hrtime.bigint();
    const { method, path } = request;
    response.once('close', () => {
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      const line = { requestId, method, path, status: response.statusCode, ms, finished: response.writableFinished };
      if (path === '/healthz' || path === '/readyz') log.debug(line, 'request');
      else log.info(line, 'request');
    });
    next();
  };
}

const EXPOSED =
  'content-encoding, content-location, content-range, content-type, date, location, preference-applied, proxy-status, server-timing, x-request-id';

function allowOrigins(allowed: readonly string[]) {
  return (request: Request, response: Response, next: NextFunction): void => {
    response.vary('Origin');
    const origin = request.get('origin');
    if (origin !== undefined && (allowed.includes('*') || allowed.includes(origin))) {
      response.set('access-control-allow-origin', allowed.includes('*') ? '*' : origin);
      response.set('access-control-expose-headers', EXPOSED);
      if (request.method === 'OPTIONS' && request.get('access-control-request-method') !== undefined) {
        response.set('access-control-allow-methods', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
        response.set('access-control-allow-headers', request.get('access-control-request-headers') ?? '');
        response.set('access-control-max-age', '3600').status(204).end();
        return;
      }
    }
    next();
  };
}

/** express knows an error handler by its four parameters. What a client did wrong is 4xx; the rest says nothing. */
function answerErrors(log: Logger) {
  return (error: unknown, _request: Request, response: Response, next: NextFunction): void => {
    const status = clientStatus(error);
    if (status === undefined) log.error({ requestId: response.locals.requestId, ...errorFields(error) }, 'failed');
    if (response.headersSent) next(error);
    else if (status === undefined) fail(response, 500, 'INTERNAL', 'the server failed; its log has the request id');
    else fail(response, status, 'BAD_REQUEST', 'the request cannot be understood');
  };
}

function clientStatus(error: unknown): number | undefined {
  const status = error instanceof Error ? (error as { status?: unknown }).status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function fail(response: Response, status: number, code: string, message: string): void {
  response.status(status).json({ error: { code, message, requestId: response.locals.requestId as string } });
}
