import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { sleep } from '../foundation/core/sleep.ts';
import { openDoor } from './door.ts';

export interface Listening {
  /** Where it can be reached from this machine. */
  readonly url: string;
  /** Takes no new connection, lets requests finish for at most `ms` milliseconds, then cuts them. */
  drain(ms: number): Promise<void>;
}

/** An HTTP server that is given its connections. */
export interface Serving {
  accept(socket: Socket): void;
  /** As of `Listening`. */
  drain(ms: number): Promise<void>;
}

/**
 * @param descriptor of a socket that listens already; host and port then only stand in errors
 * @throws VectabaseError PORT_IN_USE
 */
export async function listen(
  handler: RequestListener,
  host: string,
  port: number,
  descriptor?: number,
): Promise<Listening> {
  const serving = serveConnections(handler);
  const door = await openDoor({ host, port, descriptor }, (socket) => serving.accept(socket));
  return {
    url: door.url,
    drain: async (ms) => {
      door.close();
      await serving.drain(ms);
    },
  };
}

/**
 * Listens by itself to nothing: what closes an http.Server that listens also cuts each connection that is idle at that
 * moment, and with it the request that its client has just sent.
 */
export function serveConnections(handler: RequestListener): Serving {
  const server = createServer({ maxHeaderSize: MAX_HEADER }, handler);
  server.on('clientError', answerUnreadable);
  server.emit('listening'); // from now on it keeps its list of connections and their time limits
  const sockets = new Set<Socket>();
  return {
    accept: (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      server.emit('connection', socket);
    },
    drain: (ms) => drain(server, sockets, ms),
  };
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

/**
 * Milliseconds in which a client that has a connection may still send: answers now carry `Connection: close`, and a
 * connection without a request after so long has none under way either.
 */
const QUIET = 500;

async function drain(server: Server, sockets: ReadonlySet<Socket>, ms: number): Promise<void> {
  const start = performance.now();
  for (let passed = 0; sockets.size > 0; passed = performance.now() - start) {
    // A connection that was busy becomes idle later, and would be kept alive for five seconds more.
    if (passed > QUIET) server.closeIdleConnections();
    for (const socket of sockets) if (passed > ms || (passed > QUIET && socket.bytesRead === 0)) socket.destroy();
    await sleep(20);
  }
  server.close();
}
