/**
 * An experiment that floors.ts measures: CopyData messages have the same frame in both directions, so what the source
 * sends can go to the target as it came. Only the message heads are read, to find where the copy ends.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const DATA = 0x64; // d
interface Connection {
  readonly stream: Socket;
  query(text: string): void;
}

/** @returns the bytes passed on */
export async function relay(source: pg.Client, target: pg.Client, out: string, into: string): Promise<number> {
  const sink: Writable = target.query(copyFrom(into));
  const to = (target as unknown as { connection: Connection }).connection.stream;
  await copyInStarted(sink);
  const query = new RawCopyOut(out, to);
  source.query(query as unknown as pg.Submittable);
  await query.finished;
  sink.end();
  await once(sink, 'finish');
  return query.bytes;
}

async function copyInStarted(sink: Writable): Promise<void> {
  // pg-copy-streams tells of CopyInResponse only by taking the first write.
  await new Promise<void>((resolve, reject) => {
    sink.once('error', reject);
    sink.write(Buffer.alloc(0), () => resolve());
    sink.uncork();
  });
}

class RawCopyOut {
  readonly #text: string;
  readonly #to: Socket;
  #handlers: Array<(chunk: Buffer) => void> = [];
  #from: Socket | undefined;
  #skip = 0;
  #rest: Buffer = Buffer.alloc(0);
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  readonly finished: Promise<void>;
  bytes = 0;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);

  constructor(text: string, to: Socket) {
    this.#text = text;
    this.#to = to;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    const from = connection.stream;
    this.#from = from;
    this.#handlers = from.listeners('data') as Array<(chunk: Buffer) => void>;
    from.removeAllListeners('data');
    from.on('data', this.#onData);
    connection.query(this.#text);
  }

  #take(fresh: Buffer): void {
    const chunk = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    this.#rest = Buffer.alloc(0);
    let start = 0;
    let at = Math.min(this.#skip, chunk.length);
    this.#skip -= at;
    while (at < chunk.length) {
      if (chunk.length - at < 5) break;
      const length = chunk.readInt32BE(at + 1) + 1;
      const code = chunk[at];
      if (code === DATA) {
        const end = at + length;
        this.#skip = Math.max(0, end - chunk.length);
        at = Math.min(end, chunk.length);
        continue;
      }
      this.#pass(chunk.subarray(start, at));
      if (code !== 0x48) return this.#handBack(chunk.subarray(at)); // anything but CopyOutResponse: pg's own parser
      at += length;
      start = at;
    }
    this.#pass(chunk.subarray(start, at));
    this.#rest = chunk.subarray(at);
  }

  #pass(part: Buffer): void {
    if (part.length === 0) return;
    this.bytes += part.length;
    if (!this.#to.write(part)) {
      this.#from?.pause();
      this.#to.once('drain', () => this.#from?.resume());
    }
  }

  #handBack(rest: Buffer): void {
    this.#from?.removeListener('data', this.#onData);
    for (const handler of this.#handlers) this.#from?.on('data', handler);
    for (const handler of this.#handlers) handler(rest);
  }

  handleCommandComplete(): void {}
  handleReadyForQuery(): void {
    this.#resolve();
  }
  handleError(error: Error): void {
    this.#reject(error);
  }
}
