import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { allowOrigin } from './cors.ts';
import { errorFields } from './log.ts';
import { logRequest } from './request-log.ts';

export interface AppParts {
  readonly log: Logger;
  /** Origins whose pages may call; `*` stands for all. */
  readonly cors: readonly string[];
  /** Why requests cannot be served now, or `undefined`. */
  readonly trouble: () => string | undefined;
  readonly stopping: () => boolean;
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
  app.use((request, response) => {
    fail(response, 404, 'NOT_FOUND', `there is no ${request.method} ${request.path}`);
  });
  app.use(answerErrors(parts.log));
  return app;
}

function identify({ log, stopping }: AppParts) {
  return (request: Request, response: Response, next: NextFunction): void => {
    response.locals.requestId = logRequest(request, response, request.path, log);
    if (stopping()) response.set('connection', 'close');
    next();
  };
}

function allowOrigins(allowed: readonly string[]) {
  return (request: Request, response: Response, next: NextFunction): void => {
    response.vary('Origin');
    if (!allowOrigin(allowed, request, response, 204)) next();
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
