import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import pg from 'pg';
import { PreparedNames } from './prepared-names.ts';
import { MessageReader, readCells, readFields, type Cell, type MessageSink } from './reader.ts';
import { MessageWriter, type Value } from './writer.ts';

export interface Bound {
  readonly text: string;
  readonly values: readonly Value[];
}

export type RawRow = readonly Cell[];

/** A value too large to be kept in memory. The connection is busy until its stream has ended or is destroyed. */
export interface LargeValue {
  /** Bytes. */
  readonly length: number;
  /** Ends only when the transaction was committed: fails, short of its last part, when it was not. */
  readonly stream: Readable;
}

/** Rows of each statement, in bytes as Postgres printed them. */
export interface Answers {
  readonly results: ReadonlyArray<readonly RawRow[]>;
  /** The last cell of the last row (null there), when it was large. */
  readonly large: LargeValue | undefined;
}

export interface BatchOptions {
  /** What was prepared in another epoch is prepared anew: its tables may have changed. */
  readonly epoch?: number | undefined;
  /** Lets the last cell of all be streamed when it is large. */
  readonly large?: boolean;
}

/** Bytes of a row from which on it is streamed to who can take it so. */
const LARGE = 1024 * 1024;

/**
 * Bytes that are taken from the server before the reader has asked for them. While the server waits for a slow reader,
 * its statement runs on, and statement_timeout may end it; the connection is not free either.
 */
const AHEAD = 8 * 1024 * 1024;

/**
 * Batches of statements over a connection that pg has opened: prepared once, sent in one piece, answered in one piece.
 * Without BEGIN a batch is one transaction, which its end commits.
 *
 * pg's own client costs 15 µs of CPU a statement; this one costs 2.
 */
export class Wire implements MessageSink {
  readonly #socket: Socket;
  readonly #writer = new MessageWriter();
  readonly #reader = new MessageReader(this);
  readonly #names: PreparedNames;
  #batch: Batch | undefined;
  #epoch = 0;
  #status = 0x49;

  /** @param prepared statements that the server keeps at most */
  constructor(socket: Socket, prepared: number) {
    this.#socket = socket;
    this.#names = new PreparedNames(prepared);
    // pg hears what comes while no batch runs: notices, and why the server ends the connection.
    const others = socket.listeners('data') as Array<(chunk: Buffer) => void>;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      if (this.#batch || this.#reader.pending) this.#read(chunk);
      else for (const other of others) other(chunk);
    });
    socket.once('close', () => this.#fail(new Error('Connection terminated unexpectedly')));
  }

  /** True after a batch that left a transaction open. */
  get inTransaction(): boolean {
    return this.#status !== 0x49; // I: idle
  }

  /** @throws the first error that Postgres raised; what follows it in the batch was not run */
  async run(statements: readonly Bound[], options: BatchOptions = {}): Promise<Answers> {
    return new Promise((resolve, reject) => {
      const batch = new Batch(statements.length, resolve, reject);
      if (this.#batch) throw new Error('the connection is busy');
      if (this.#socket.destroyed) throw new Error('Connection terminated unexpectedly');
      if (options.epoch !== undefined && options.epoch !== this.#epoch) {
        this.#epoch = options.epoch;
        for (const name of this.#names.clear()) this.#writer.closeStatement(name);
      }
      this.#write(statements, batch);
      this.#batch = batch;
      this.#reader.largeFrom = options.large === true ? LARGE : Infinity;
      this.#socket.write(this.#writer.take());
    });
  }

  #write(statements: readonly Bound[], { parsing }: Batch): void {
    const prepared = statements.map(({ text }) => this.#names.take(text));
    for (const { evicted } of prepared) if (evicted !== undefined) this.#writer.closeStatement(evicted);
    for (const [at, { text, values }] of statements.entries()) {
      const { name, isNew } = prepared[at] ?? { name: '', isNew: true };
      if (isNew) {
        this.#writer.parse(name, text);
        parsing.push(text);
      }
      this.#writer.bind(name, values);
      this.#writer.execute();
    }
    this.#writer.sync();
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  message(type: number, buffer: Buffer, start: number, end: number): void {
    const batch = this.#batch;
    if (!batch) return;
    switch (type) {
      case 0x44: // D: a row
        batch.row(readCells(buffer, start));
        return;
      case 0x43: // C: a statement is complete
      case 0x49: // I: it was empty
        batch.statement++;
        return;
      case 0x31: // 1: parsed
        batch.parsing.shift();
        return;
      case 0x45: // E: error
        batch.error ??= serverError(readFields(buffer, start, end));
        return;
      case 0x5a: // Z: ready
        this.#status = buffer[start] ?? 0;
        this.#finish(batch);
        return;
      case 0x32: // 2: bound
      case 0x33: // 3: closed
      case 0x4e: // N: notice
      case 0x53: // S: a setting has changed
      case 0x41: // A: notification
        return;
      default:
        throw new Error(`the server sent an unexpected message (${type})`);
    }
  }

  largeRow(cells: Cell[], length: number): void {
    this.#batch?.row([...cells, null]);
    if (length >= 0) this.#batch?.startLarge(length, this.#socket);
  }

  largePart(bytes: Buffer): void {
    if (this.#batch?.largePart(bytes) === false) this.#socket.pause();
  }

  #finish(batch: Batch): void {
    this.#batch = undefined;
    // What failed to parse, or was skipped after an error, is not prepared.
    for (const text of batch.parsing) this.#names.drop(text);
    batch.end();
  }

  #fail(error: Error): void {
    const batch = this.#batch;
    if (!batch) return;
    batch.error ??= error;
    this.#finish(batch);
  }
}

/** What is known of a batch under way. */
class Batch {
  /** Texts that were sent to be parsed, until they are. */
  readonly parsing: string[] = [];
  /** Which statement is being answered. */
  statement = 0;
  error: Error | undefined;
  readonly #results: RawRow[][];
  readonly #resolve: (answers: Answers) => void;
  readonly #reject: (error: unknown) => void;
  #stream: Readable | undefined;
  #over = false;
  /** The last part is kept until the transaction has ended well. */
  #kept: Buffer | undefined;

  constructor(statements: number, resolve: (answers: Answers) => void, reject: (error: unknown) => void) {
    this.#results = Array.from({ length: statements }, () => []);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  row(cells: Cell[]): void {
    this.#results[this.statement]?.push(cells);
  }

  startLarge(length: number, socket: Socket): void {
    this.#stream = new Readable({
      highWaterMark: AHEAD,
      read: () => void socket.resume(),
      destroy: (error, done) => {
        // Whoever reads it has gone: the server stops when it cannot send the rest.
        if (!this.#over) socket.destroy();
        done(error);
      },
    });
    this.#resolve({ results: this.#results, large: { length, stream: this.#stream } });
  }

  /** False when the reader cannot take more now. */
  largePart(bytes: Buffer): boolean {
    const last = this.#kept;
    this.#kept = bytes;
    return last === undefined || (this.#stream?.push(last) ?? true);
  }

  end(): void {
    this.#over = true;
    const stream = this.#stream;
    if (stream) {
      if (this.error) {
        stream.destroy(this.error);
      } else {
        stream.push(this.#kept);
        stream.push(null);
      }
    } else if (this.error) this.#reject(this.error);
    else this.#resolve({ results: this.#results, large: undefined });
  }
}

/** The same class that pg throws, so that everybody reads errors alike. */
function serverError(fields: ReadonlyMap<string, string>): Error {
  const error = new pg.DatabaseError(fields.get('M') ?? 'unknown error', 0, 'error');
  error.severity = fields.get('S');
  error.code = fields.get('C');
  error.detail = fields.get('D');
  error.hint = fields.get('H');
  error.position = fields.get('P');
  error.where = fields.get('W');
  error.schema = fields.get('s');
  error.table = fields.get('t');
  error.column = fields.get('c');
  error.constraint = fields.get('n');
  return error;
}
