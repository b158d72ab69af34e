import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatLsn,
  formatWalFile,
  parseLsn,
  parseWalFile,
  storeKey,
  walFileOf,
  walObject,
  WalSegments,
  type WalFile,
} from '../../../src/operator/backup/names.ts';

const timeline = fc.integer({ min: 1, max: 0xffff_ffff });
const numbers = fc.record({
  upper: fc.integer({ min: 0, max: 0xffff_ffff }),
  lower: fc.integer({ min: 0, max: 0xfff }),
});
const walFile: fc.Arbitrary<WalFile> = fc.oneof(
  fc.record({ kind: fc.constantFrom('segment', 'partial'), timeline, number: numbers }),
  fc.record({
    kind: fc.constant('backup'),
    timeline,
    number: numbers,
    offset: fc.integer({ min: 0, max: 0x3fff_ffff }),
  }),
  fc.record({ kind: fc.constant('history'), timeline }),
);
const segments = fc.integer({ min: 20, max: 30 }).map((bits) => new WalSegments(2 ** bits));
const lsn = fc.bigInt({ min: 0n, max: 2n ** 63n });

describe('names of WAL files', () => {
  test('are what Postgres makes them', () => {
    expect(parseWalFile('000000010000000A000000FE')).toEqual({
      kind: 'segment',
      timeline: 1,
      number: { upper: 10, lower: 254 },
    });
    expect(parseWalFile('00000002.history')).toEqual({ kind: 'history', timeline: 2 });
    expect(parseWalFile('000000010000000000000002.00000028.backup')).toMatchObject({ kind: 'backup', offset: 40 });
    expect(parseWalFile('0000000200000001000000C3.partial')).toMatchObject({ kind: 'partial', timeline: 2 });
    expect(walObject({ kind: 'segment', timeline: 1, number: { upper: 10, lower: 254 } })).toBe(
      'wal/00000001/0000000A/000000010000000A000000FE',
    );
    expect(storeKey('7418', 'wal/00000002.history')).toBe('7418/wal/00000002.history.vbk');
  });

  test('come back from their text and from their object', () => {
    fc.assert(
      fc.property(walFile, (file) => {
        expect(parseWalFile(formatWalFile(file))).toEqual(file);
        expect(walFileOf(walObject(file))).toEqual(file);
      }),
    );
  });

  test('have one spelling, and nothing else is one', () => {
    for (const odd of [
      '',
      '../../etc/passwd',
      '00000001000000000000000',
      '0000000100000000000000020',
      '000000010000000a000000fe',
      '000000000000000000000001',
      '000000010000000000001000',
      '000000010000000000000002.PARTIAL',
      '000000010000000000000002\n',
      '00000001.history.history',
    ]) {
      expect(parseWalFile(odd)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9A-F]{23,25}(\.partial)?$/)), (text) => {
        const file = parseWalFile(text);
        expect(file === undefined || formatWalFile(file) === text).toBe(true);
      }),
    );
    expect(walFileOf('wal/00000001/00000001/000000010000000000000002')).toBeUndefined();
    expect(walFileOf('base/20261122T030000Z/base.tar')).toBeUndefined();
  });
});

describe('positions', () => {
  test('come back from their text', () => {
    fc.assert(
      fc.property(lsn, (position) => {
        expect(parseLsn(formatLsn(position))).toBe(position);
      }),
    );
    expect(formatLsn(0x3000060n)).toBe('0/3000060');
    expect(parseLsn('16/B374D848')).toBe(0x16b374d848n);
    for (const odd of ['', '0', '0/', '/0', '0/123456789', 'x/1', '0/1 ']) expect(parseLsn(odd)).toBeUndefined();
  });

  test('lie in the segment that begins before them and ends after them', () => {
    fc.assert(
      fc.property(segments, lsn, (size, position) => {
        const number = size.at(position);
        expect(size.start(number) <= position && position < size.start(size.next(number))).toBe(true);
        expect(size.distance(number, size.next(number))).toBe(1);
        const parsed = parseWalFile(size.nameAt(7, position));
        expect(parsed).toEqual({ kind: 'segment', timeline: 7, number });
      }),
    );
  });

  test('of 16 MB segments go on from FF to 00, as names sort', () => {
    const size = new WalSegments();
    expect(size.next({ upper: 0, lower: 0xff })).toEqual({ upper: 1, lower: 0 });
    expect(size.nameAt(1, 0x1_0000_0000n)).toBe('000000010000000100000000');
    fc.assert(
      fc.property(segments, lsn, (of, position) => {
        const name = of.nameAt(1, position);
        expect(name < of.nameAt(1, position + BigInt(of.segmentBytes))).toBe(true);
      }),
    );
  });

  test('of an odd size are refused', () => {
    for (const bytes of [0, 1, 2 ** 19, 2 ** 31, 3 * 2 ** 20]) expect(() => new WalSegments(bytes)).toThrow('no size');
  });
});
