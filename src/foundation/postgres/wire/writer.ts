/** What a parameter may be: text, text as its UTF-8 bytes, or null. */
export type Value = string | Buffer | null;

const START = 4_096;
/** Characters up to which a string's room is reserved by its longest possible form. */
const SHORT = 16_384;
const PARAMETERS = 65_535;

/**
 * Messages to the server, gathered so that they leave in one piece.
 * https://www.postgresql.org/docs/17/protocol-message-formats.html
 */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(START);
  #length = 0;

  parse(name: string, text: string): void {
    if (text.includes('\0')) throw new Error('a statement cannot hold NUL');
    const start = this.#open(0x50); // P
    this.#terminated(name);
    this.#terminated(text);
    this.#int16(0); // the server finds out the parameters' types
    this.#close(start);
  }

  /** Parameters and results as text, of the unnamed portal. */
  bind(name: string, values: readonly Value[]): void {
    if (values.length > PARAMETERS) throw new Error(`more than ${PARAMETERS} parameters`);
    const start = this.#open(0x42); // B
    this.#terminated('');
    this.#terminated(name);
    this.#int16(0);
    this.#int16(values.length);
    for (const value of values) this.#value(value);
    this.#int16(0);
    this.#close(start);
  }

  /** All rows of the unnamed portal. */
  execute(): void {
    const start = this.#open(0x45); // E
    this.#terminated('');
    this.#int32(0);
    this.#close(start);
  }

  /** Ends a prepared statement. */
  closeStatement(name: string): void {
    const start = this.#open(0x43); // C
    this.#room(1);
    this.#buffer[this.#length++] = 0x53; // S: a statement, not a portal
    this.#terminated(name);
    this.#close(start);
  }

  sync(): void {
    this.#close(this.#open(0x53)); // S
  }

  /** What was written since the last call, in memory of its own. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#buffer.copy(bytes, 0, 0, this.#length);
    this.#length = 0;
    // One large insert must not keep its size for ever.
    if (this.#buffer.length > 16 * START) this.#buffer = Buffer.allocUnsafe(START);
    return bytes;
  }

  #open(type: number): number {
    this.#room(5);
    this.#buffer[this.#length] = type;
    this.#length += 5;
    return this.#length - 4;
  }

  #close(start: number): void {
    this.#buffer.writeInt32BE(this.#length - start, start);
  }

  #value(value: Value): void {
    if (value === null) {
      this.#int32(-1);
    } else if (typeof value === 'string') {
      this.#int32(0);
      const start = this.#length;
      this.#text(value);
      this.#buffer.writeInt32BE(this.#length - start, start - 4);
    } else {
      this.#int32(value.length);
      this.#room(value.length);
      this.#length += value.copy(this.#buffer, this.#length);
    }
  }

  #terminated(text: string): void {
    this.#text(text);
    this.#room(1);
    this.#buffer[this.#length++] = 0;
  }

  #text(text: string): void {
    this.#room(text.length <= SHORT ? text.length * 3 : Buffer.byteLength(text));
    this.#length += this.#buffer.write(text, this.#length, 'utf8');
  }

  #int16(value: number): void {
    this.#room(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  #int32(value: number): void {
    this.#room(4);
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
