import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { RestEngine } from '../services/rest/engine.ts';
import type { RestResponse } from '../services/rest/message.ts';
import { errorFields } from './log.ts';

/** Bytes of a request's body; a bulk insert of some hundred thousand rows. */
const MAX_BODY = 64 * 1024 * 1024;

/** HTTP in, a request value to the engine, its response value out. */
export function restAdapter(engine: RestEngine, options: { log: Logger; serverTiming: boolean }): RequestHandler {
  return (request, response) => {
    serve(engine, request, response, options).catch((error: unknown) => {
      if (response.destroyed) return;
      options.log.error({ requestId: response.locals['requestId'] as string, ...errorFields(error) }, 'failed');
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'PGRSTX00', 'Internal error; the log has the request id');
    });
  };
}

async function serve(
  engine: RestEngine,
  request: Request,
  response: Response,
  { serverTiming }: { serverTiming: boolean },
): Promise<void> {
  const start = performance.now();
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const body = await readBody(request);
  if (body === undefined) return refuse(response, 413, 'PGRST102', `The request body is larger than ${MAX_BODY} bytes`);
  const [path, query] = splitOnce(request.url, '?');
  const answer = await engine({
    method: request.method,
    path,
    query,
    headers: flatten(request),
    body,
    signal: gone.signal,
  });
  if (serverTiming) response.setHeader('Server-Timing', `total;dur=${(performance.now() - start).toFixed(1)}`);
  write(response, answer);
}

function write(response: Response, { status, headers, body }: RestResponse): void {
  for (const [name, value] of headers) {
    // Two cookies are two headers; of anything else the last one counts.
    if (name.toLowerCase() === 'set-cookie') response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.statusCode = status;
  response.vary('Accept, Prefer, Range');
  if (response.req.method !== 'HEAD' && status !== 204) {
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(body);
  } else response.end();
}

async function readBody(request: Request): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Several Prefer lines are one list. */
function flatten(request: Request): Record<string, string> {
  const entries = Object.entries(request.headers).flatMap(([name, value]): Array<[string, string]> =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
  return Object.fromEntries(entries);
}

function refuse(response: Response, status: number, code: string, message: string): void {
  response.status(status).json({ code, details: null, hint: null, message });
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
