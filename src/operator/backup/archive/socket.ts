import { randomBytes } from 'node:crypto';
import { chmod, chown, lchown, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { assetPath } from '../../../foundation/core/assets.ts';
import { ownerToBe, writeDurably } from '../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { commandWord } from '../../../foundation/postgres/archive-command.ts';
import { answerLine, Incoming, ProtocolError } from './protocol.ts';

export interface SocketInput {
  /** Whose directory holds `NAME.sock`, the token and a copy of the client. Made, mode 0700, when it is not there. */
  readonly directory: string;
  readonly name: 'archive' | 'restore';
  /** A socket that systemd opened for us. */
  readonly fd?: number | undefined;
  /** Who Postgres runs as, when that is another user than we are. A directory that we make stays ours: it may pass. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Answers one client; what it throws is told to the client as `no WHY`. */
export type Answer = (incoming: Incoming, socket: Socket, token: string) => Promise<void>;

export interface OpenSocket {
  readonly path: string;
  /** The command line of the client, for the shell of Postgres' commands; arguments follow. */
  readonly client: string;
  /** Takes no new client; lets those at work finish. */
  readonly close: () => Promise<void>;
}

/** Clients that are answered at one time; others wait in the kernel, which holds some hundred kilobytes of each. */
const AT_WORK = 4;
const MOST_CLIENTS = 64;
/** Milliseconds without a byte. The clients give up after 20 seconds. */
const SILENCE = 25_000;

/**
 * Listens for the clients of Postgres' commands. The directory's permissions decide who gets in, and the token beside
 * the socket is known to them alone: Node cannot ask the kernel who is at the other end.
 *
 * @throws VectabaseError PRECONDITION_FAILED for a directory that others can enter, LOCK_HELD when somebody listens
 */
export async function openSocket(input: SocketInput, answer: Answer): Promise<OpenSocket> {
  const { directory, name, fd } = input;
  await prepareDirectory(directory, input.owner);
  const owner = await sharedWith(directory, input.owner);
  const place = path.join(directory, `${name}.sock`);
  // Before the token, which would be another one for the clients of who listens.
  if (fd === undefined) await refuseSecond(place);
  const token = randomBytes(32).toString('hex');
  const script = path.join(directory, `${name}-wal.pl`);
  const secret = path.join(directory, `${name}.token`);
  await writeDurably(script, await readFile(assetPath('templates', 'archive', `${name}-wal.pl`)), {
    owner,
    mode: 0o440,
  });
  await writeDurably(secret, token, { owner, mode: 0o440 });

  const clients = new Set<Promise<void>>();
  const slots = new Slots(AT_WORK);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const served = slots
      .take(async () => serve(socket, token, answer))
      .catch(() => undefined)
      .finally(() => clients.delete(served));
    clients.add(served);
  });
  server.maxConnections = MOST_CLIENTS;
  await listen(server, fd === undefined ? { path: place } : { fd });
  if (fd === undefined) {
    if (owner) await lchown(place, owner.uid, owner.gid);
    await chmod(place, 0o660);
  }
  return {
    path: place,
    client: `perl ${commandWord(script)} ${commandWord(place)}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.all(clients);
      await closed;
    },
  };
}

async function serve(socket: Socket, token: string, answer: Answer): Promise<void> {
  socket.on('error', () => undefined);
  socket.setTimeout(SILENCE, () => socket.destroy());
  try {
    await answer(new Incoming(socket), socket, token);
    socket.end();
  } catch (error) {
    socket.end(answerLine('no', reason(error)));
  } finally {
    // What the client still sends after a refusal is read by nobody; the answer is out before we go.
    if (!socket.writableFinished && !socket.destroyed)
      await new Promise<void>((done) => socket.once('close', done).once('finish', done));
    socket.destroy();
  }
}

function reason(error: unknown): string {
  if (error instanceof ProtocolError || error instanceof VectabaseError) return error.message;
  return (error as NodeJS.ErrnoException).code ?? 'error';
}

async function prepareDirectory(directory: string, owner: SocketInput['owner']): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined && owner) {
    await chown(directory, process.getuid?.() ?? 0, owner.gid);
    await chmod(directory, 0o710);
  }
  const { mode } = await stat(directory);
  if ((mode & 0o007) === 0) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${directory} is open to every user of this machine, and WAL is handed over there`,
    hint: `Run chmod o= ${directory}.`,
    details: { directory },
  });
}

/** Whose the files are: of the directory's owner, and for the group that may pass through it. */
async function sharedWith(directory: string, owner: SocketInput['owner']): Promise<SocketInput['owner']> {
  const { uid } = await stat(directory);
  return owner && uid === process.getuid?.() ? { uid, gid: owner.gid } : (owner ?? ownerToBe(directory));
}

/** A socket that a killed process left is in the way; one that answers is not ours. */
async function refuseSecond(place: string): Promise<void> {
  const taken = await new Promise<boolean>((resolve) => {
    const probe = connect(place, () => resolve(true)).once('error', () => resolve(false));
    probe.once('close', () => undefined).unref();
    setImmediate(() => probe.end());
  });
  if (!taken) return rm(place, { force: true });
  throw new VectabaseError('LOCK_HELD', {
    message: `another process listens on ${place}`,
    hint: 'Stop it first: one daemon archives the WAL of a cluster.',
    details: { socket: place },
  });
}

async function listen(server: Server, where: { path: string } | { fd: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, resolve);
  });
}

/** So many at one time; the others in their turn. */
class Slots {
  #free: number;
  readonly #next: Array<() => void> = [];

  constructor(free: number) {
    this.#free = free;
  }

  async take(work: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((go) => this.#next.push(go));
    try {
      await work();
    } finally {
      const go = this.#next.shift();
      if (go) go();
      else this.#free++;
    }
  }
}
