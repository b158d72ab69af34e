import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';

/**
 * How the clients of Postgres' commands talk to us over a unix socket, one file a connection. A line of words, then
 * bytes whose number the line told, then a line of answer:
 *
 *   → `VTA1 TOKEN NAME BYTES` + bytes    ← `ok` | `same` | `no WHY`                       (archive_command)
 *   → `VTR1 TOKEN NAME`                  ← `data BYTES` + bytes + `done` | `absent` | `no WHY`   (restore_command)
 *
 * The number is the version. Whoever can enter the socket's directory can also read the token, which lies beside it: it
 * keeps out who got hold of the socket alone.
 */
export type ArchiveRequest = { readonly name: string; readonly bytes: number };
export type RestoreRequest = { readonly name: string };

/** Bytes of a token in hexadecimal. */
const TOKEN = 64;
const MOST_LINE = 512;

/** What came is not what was agreed. The message is told to the client, so it holds nothing of ours. */
export class ProtocolError extends Error {}

export function parseArchiveRequest(line: string, token: string): ArchiveRequest {
  const [name = '', bytes = ''] = words(line, { version: 'VTA1', token, count: 2 });
  // 1 GB is the largest segment there is.
  if (!/^(0|[1-9]\d{0,9})$/.test(bytes) || Number(bytes) > 2 ** 30) throw new ProtocolError('no length of a WAL file');
  return { name, bytes: Number(bytes) };
}

export function parseRestoreRequest(line: string, token: string): RestoreRequest {
  const [name = ''] = words(line, { version: 'VTR1', token, count: 1 });
  return { name };
}

function words(line: string, wanted: { version: string; token: string; count: number }): string[] {
  const [version, token = '', ...rest] = line.split(' ');
  if (version !== wanted.version) throw new ProtocolError(`the first word is not ${wanted.version}`);
  const [given, own] = [Buffer.from(token, 'latin1'), Buffer.from(wanted.token, 'latin1')];
  if (given.length !== TOKEN || own.length !== TOKEN || !timingSafeEqual(given, own)) {
    throw new ProtocolError('another token');
  }
  if (rest.length !== wanted.count) throw new ProtocolError('another number of words');
  return rest;
}

/** One line of answer: what is told never breaks the line. */
export function answerLine(word: string, why?: string): string {
  return why === undefined ? `${word}\n` : `${word} ${why.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 300)}\n`;
}

/** What a client sends, read at our pace: the kernel's buffer is all that waits. */
export class Incoming {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = (socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      if (end >= 0) {
        const line = this.#rest.subarray(0, end).toString('latin1');
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (this.#rest.length > MOST_LINE) throw new ProtocolError('the first line does not end');
      const { done, value } = await this.#chunks.next();
      if (done === true) throw new ProtocolError('the connection ended within its first line');
      this.#rest = Buffer.concat([this.#rest, value]);
    }
  }

  /** Exactly so many bytes, in pieces of `PIECE` at least, but for the last: the first holds the head of a segment. */
  async *body(bytes: number): AsyncGenerator<Buffer> {
    let missing = bytes;
    let held: Buffer[] = [];
    let size = 0;
    let chunk = this.#rest;
    this.#rest = Buffer.alloc(0);
    for (;;) {
      if (chunk.length > missing) throw new ProtocolError('more bytes came than were told');
      missing -= chunk.length;
      if (chunk.length > 0) held.push(chunk);
      size += chunk.length;
      if (size > 0 && (size >= PIECE || missing === 0)) {
        yield held.length === 1 && held[0] ? held[0] : Buffer.concat(held);
        [held, size] = [[], 0];
      }
      if (missing === 0) return;
      const { done, value } = await this.#chunks.next();
      if (done === true) throw new ProtocolError('the connection ended before all bytes came');
      chunk = value;
    }
  }
}

const PIECE = 32 * 1024;
