import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { VectabaseError } from '../foundation/core/errors.ts';

export interface Listening {
  /** Where it can be reached from this machine. */
  readonly url: string;
  /** Takes no new connection, lets requests finish for at most `ms` milliseconds, then cuts them. */
  drain(ms: number): Promise<void>;
}

/** @throws VectabaseError PORT_IN_USE */
export async function listen(handler: RequestListener, host: string, port: number): Promise<Listening> {
  const server = createServer({ maxHeaderSize: MAX_HEADER }, handler);
  server.on('clientError', answerUnreadable);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  }).catch((error: unknown) => {
    throw explain(error, host, port);
  });
  return { url: urlOf(server), drain: (ms) => drain(server, ms) };
}

/** Bytes of all headers and the URL: a filter with a list of 20,000 uuids fits. */
const MAX_HEADER = 1024 * 1024;

/** What Node's parser refuses has no request yet, so no route, log line or header: said on the bare socket. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, reason, message] = REFUSALS[error.code ?? ''] ?? [400, 'Bad Request', 'The request is not HTTP'];
  const body = JSON.stringify({ code: `PT${status}`, details: null, hint: null, message });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Request-Id: ${randomUUID()}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const REFUSALS: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    `The URL and the headers together are larger than ${MAX_HEADER} bytes`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not arrive in time'],
};

async function drain(server: Server, ms: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connection that was busy at close() becomes idle later, and would be kept alive for five seconds more.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), ms);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  const everywhere = { '0.0.0.0': '127.0.0.1', '::': '127.0.0.1' }[address.address];
  const host = everywhere ?? (address.family === 'IPv6' ? `[${address.address}]` : address.address);
  return `http://${host}:${address.port}`;
}

function explain(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new VectabaseError('PORT_IN_USE', {
      message: `port ${port} of ${host} is taken by another program`,
      hint: 'Stop that program, or choose another port with --port (0 takes a free one).',
      details: { host, port },
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new VectabaseError('CONFIG_INVALID', {
      message: `cannot listen on port ${port} of ${host}: ${code}`,
      hint: 'Choose an address of this machine and a port above 1023; a proxy can serve the lower ones.',
      details: { host, port },
      cause: error,
    });
  }
  return error;
}
