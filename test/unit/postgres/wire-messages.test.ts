import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageReader, readCells, readFields, type Cell } from '../../../src/foundation/postgres/wire/reader.ts';
import { MessageWriter, type Value } from '../../../src/foundation/postgres/wire/writer.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function row(cells: readonly Cell[]): Buffer {
  const parts = cells.flatMap((cell) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(cell?.length ?? -1);
    return cell ? [length, cell] : [length];
  });
  const count = Buffer.alloc(2);
  count.writeUInt16BE(cells.length);
  return message('D', Buffer.concat([count, ...parts]));
}

/** All that a reader tells, with parts of one large value put together: how they were cut is no matter. */
function read(chunks: readonly Buffer[], largeFrom: number): string[] {
  const told: string[] = [];
  let large: { cells: Cell[]; length: number; parts: Buffer[] } | undefined;
  const endLarge = (): void => {
    if (!large) return;
    const body = large.length < 0 ? null : Buffer.concat(large.parts);
    expect(body?.length ?? -1).toBe(large.length);
    told.push(`D ${show([...large.cells, body])}`);
    large = undefined;
  };
  const reader = new MessageReader({
    message: (type, buffer, start, end) => {
      endLarge();
      const letter = String.fromCharCode(type);
      told.push(`${letter} ${letter === 'D' ? show(readCells(buffer, start)) : buffer.toString('hex', start, end)}`);
    },
    largeRow: (cells, length) => {
      endLarge();
      large = { cells, length, parts: [] };
    },
    largePart: (bytes) => large?.parts.push(bytes),
  });
  reader.largeFrom = largeFrom;
  for (const chunk of chunks) reader.push(chunk);
  endLarge();
  expect(reader.pending).toBe(false);
  return told;
}

function show(cells: readonly Cell[]): string {
  return cells.map((cell) => cell?.toString('hex') ?? 'null').join(' ');
}

const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
const cells = fc.array(fc.option(bytes), { minLength: 1, maxLength: 8 });
const messages = fc.array(
  fc.oneof(
    cells.map((each) => row(each)),
    fc.tuple(fc.constantFrom('1', '2', '3', 'C', 'Z', 'E', 'N', 'S'), bytes).map(([type, body]) => message(type, body)),
  ),
  { maxLength: 12 },
);

test('however the bytes are cut, the messages are the same, kept whole or handed on in parts', () => {
  fc.assert(
    fc.property(
      messages,
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.constantFrom(4, 40, Infinity),
      (all, cuts, from) => {
        const stream = Buffer.concat(all);
        const at = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].toSorted((a, b) => a - b);
        const chunks = [...at, stream.length].map((end, index) => stream.subarray(at[index - 1] ?? 0, end));
        expect(read(chunks, from)).toEqual(read([stream], Infinity));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('cut between every two bytes', () => {
  const stream = Buffer.concat([message('2', Buffer.alloc(0)), row([Buffer.from('a'), null, Buffer.from('long')])]);
  for (const from of [4, Infinity]) {
    const chunks = [...stream].map((byte) => Buffer.from([byte]));
    expect(read(chunks, from)).toEqual(['2 ', 'D 61 null 6c6f6e67']);
  }
});

test('what is no message is refused', () => {
  const reader = new MessageReader({ message: () => {}, largeRow: () => {}, largePart: () => {} });
  expect(() => reader.push(Buffer.from([0x44, 0, 0, 0, 3]))).toThrow(/length/);
});

test('errors are told by their letters', () => {
  const body = Buffer.from('SERROR\0C42P01\0Mno such täble\0\0');
  expect(Object.fromEntries(readFields(body, 0, body.length))).toEqual({ S: 'ERROR', C: '42P01', M: 'no such täble' });
});

const value = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 100 }),
  bytes,
  fc.integer({ min: 5_000, max: 60_000 }).map((length) => 'ä'.repeat(length)),
);

test('what is written can be read: any values, any number of statements, and nothing of the batch before', () => {
  const writer = new MessageWriter();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.stringMatching(/^[a-z0-9]{0,9}$/), fc.array(value, { maxLength: 20 })), { maxLength: 4 }),
      (all) => {
        for (const [name, values] of all) writer.bind(name, values);
        writer.sync();
        const written = writer.take();
        let at = 0;
        for (const [name, values] of all) {
          expect(String.fromCharCode(written[at] ?? 0)).toBe('B');
          const end = at + 1 + written.readInt32BE(at + 1);
          expect(written.toString('latin1', at + 5, at + 7 + name.length)).toBe(`\0${name}\0`);
          // Number of formats, then number of values and the values, as in a DataRow.
          expect(show(readCells(written, at + 9 + name.length))).toBe(show(values.map((each) => bytesOf(each))));
          expect(written.readUInt16BE(end - 2)).toBe(0);
          at = end;
        }
        expect(written.toString('hex', at)).toBe('5300000004');
      },
    ),
    { numRuns: 300 },
  );
});

function bytesOf(each: Value): Buffer | null {
  return typeof each === 'string' ? Buffer.from(each) : each;
}

test('a statement with NUL would end early, so it is refused', () => {
  expect(() => new MessageWriter().parse('s1', 'select 1\0; drop table x')).toThrow(/NUL/);
});
