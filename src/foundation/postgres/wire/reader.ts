/** Hears what the server says, message by message. */
export interface MessageSink {
  /** One whole message, without its type and length: `buffer` from `start` to before `end`. */
  message(type: number, buffer: Buffer, start: number, end: number): void;
  /** A row too large to be kept: its columns but the last, and the length of that one (-1 for null); its bytes follow in parts. */
  largeRow(cells: Cell[], length: number): void;
  largePart(bytes: Buffer): void;
}

export type Cell = Buffer | null;

const HEAD = 5;
const DATA_ROW = 0x44;

/** Cuts the server's bytes, as they come, into messages. */
export class MessageReader {
  readonly #sink: MessageSink;
  /** Rows of at least so many bytes are handed on in parts. */
  largeFrom = Infinity;
  /** At most one of these three waits for more: a message of known size, bytes that tell no size yet, a large row. */
  #whole: { readonly bytes: Buffer; filled: number } | undefined;
  #rest: Buffer | undefined;
  #left = 0;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /** True in the middle of a message. */
  get pending(): boolean {
    return this.#rest !== undefined || this.#whole !== undefined || this.#left > 0;
  }

  /** @throws Error for bytes that are no messages; the connection is of no use then */
  push(chunk: Buffer): void {
    let at = this.#left > 0 ? this.#passOn(chunk, 0) : this.#whole ? this.#fill(this.#whole, chunk) : 0;
    let buffer = chunk;
    if (this.#rest) {
      buffer = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    while (buffer.length - at >= HEAD) {
      const length = buffer.readInt32BE(at + 1);
      if (length < 4) throw new Error('the server sent a message without a length');
      const end = at + 1 + length;
      if (end <= buffer.length) {
        this.#sink.message(buffer[at] ?? 0, buffer, at + HEAD, end);
        at = end;
      } else if (buffer[at] === DATA_ROW && length >= this.largeFrom) {
        const body = this.#startLarge(buffer, at + HEAD);
        if (body === undefined) break;
        at = this.#passOn(buffer, body);
      } else {
        const bytes = Buffer.allocUnsafe(1 + length);
        this.#whole = { bytes, filled: buffer.copy(bytes, 0, at) };
        return;
      }
    }
    if (at < buffer.length) this.#rest = buffer.subarray(at);
  }

  #fill(whole: { readonly bytes: Buffer; filled: number }, chunk: Buffer): number {
    const taken = chunk.copy(whole.bytes, whole.filled);
    whole.filled += taken;
    if (whole.filled === whole.bytes.length) {
      this.#whole = undefined;
      this.#sink.message(whole.bytes[0] ?? 0, whole.bytes, HEAD, whole.bytes.length);
    }
    return taken;
  }

  #passOn(buffer: Buffer, at: number): number {
    const end = Math.min(buffer.length, at + this.#left);
    this.#left -= end - at;
    if (end > at) this.#sink.largePart(buffer.subarray(at, end));
    return end;
  }

  /** Where the last column's bytes start; undefined while what is before them has not come. */
  #startLarge(buffer: Buffer, start: number): number | undefined {
    if (buffer.length < start + 2) return undefined;
    const cells: Cell[] = [];
    let at = start + 2;
    for (let left = buffer.readUInt16BE(start); left > 1; left--) {
      if (buffer.length < at + 4) return undefined;
      const size = Math.max(buffer.readInt32BE(at), -1);
      const end = at + 4 + Math.max(size, 0);
      if (buffer.length < end) return undefined;
      cells.push(size < 0 ? null : buffer.subarray(at + 4, end));
      at = end;
    }
    if (buffer.length < at + 4) return undefined;
    const length = buffer.readInt32BE(at);
    this.#left = Math.max(length, 0);
    this.#sink.largeRow(cells, length);
    return at + 4;
  }
}

/** The columns of a whole DataRow. */
export function readCells(buffer: Buffer, start: number): Cell[] {
  const cells: Cell[] = [];
  let at = start + 2;
  for (let left = buffer.readUInt16BE(start); left > 0; left--) {
    const size = buffer.readInt32BE(at);
    at += 4;
    cells.push(size < 0 ? null : buffer.subarray(at, at + size));
    if (size > 0) at += size;
  }
  return cells;
}

/** The fields of an ErrorResponse by their letters. */
export function readFields(buffer: Buffer, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = start; at < end && buffer[at] !== 0;) {
    const stop = buffer.indexOf(0, at);
    fields.set(String.fromCharCode(buffer[at] ?? 0), buffer.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  return fields;
}
