import { createServer, type Server, type Socket } from 'node:net';
import { VectabaseError } from '../foundation/core/errors.ts';

/** Where connections come in. */
export interface Door {
  /** As it is reached from this machine. */
  readonly url: string;
  /** Takes no new connection. Those that nobody took wait for the successor, where systemd holds the socket. */
  close(): void;
}

interface Place {
  readonly host: string;
  readonly port: number;
  /** Of a socket that listens already. */
  readonly descriptor?: number | undefined;
}

/**
 * @param paused connections are handed on, and nothing may be read from them here
 * @throws VectabaseError PORT_IN_USE, CONFIG_INVALID
 */
export async function openDoor(
  { host, port, descriptor }: Place,
  onConnection: (socket: Socket) => void,
  paused = false,
): Promise<Door> {
  // As http.Server does: a client may say that it has sent all, and small answers do not wait for each other.
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: paused }, onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(descriptor === undefined ? { host, port } : { fd: descriptor }, resolve);
  }).catch((error: unknown) => {
    throw explain(error, host, port);
  });
  return { url: urlOf(server), close: () => server.close() };
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
