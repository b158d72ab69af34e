import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { instantText, parseInstant, parseTarget, targetSettings } from '../../../src/operator/backup/restore/target.ts';

describe('the instant of a restore', () => {
  test.each([
    ['2026-11-22 14:03:00+00', '2026-11-22T14:03:00Z', 0],
    ['2026-11-22T14:03:00Z', '2026-11-22T14:03:00Z', 0],
    ['2026-11-22 14:03 UTC', '2026-11-22T14:03:00Z', 0],
    ['2026-11-22 14:03:00.5 +01', '2026-11-22T13:03:00Z', 500_000],
    ['2026-11-22 14:03:00.000001-03:30', '2026-11-22T17:33:00Z', 1],
    ['2026-11-22 00:10:00+0530', '2026-11-21T18:40:00Z', 0],
    ['2024-02-29 12:00:00 GMT+2', '2024-02-29T10:00:00Z', 0],
  ])('%s', (text, seconds, rest) => {
    expect(parseInstant(text)).toBe(Date.parse(seconds) * 1000 + rest);
  });

  test.each([
    '2026-11-22 14:03:00',
    '2026-11-22',
    'yesterday',
    '2026-02-30 14:03:00+00',
    '2026-11-22 24:00:00+00',
    '2026-11-22 14:60:00+00',
    '2026-11-22 14:03:60+00',
    '2026-11-22 14:03:00 Europe/Berlin',
    '2026-11-22 14:03:00+16',
    '2026-11-22 14:03:00+00; drop table x',
    '',
  ])('"%s" is refused', (text) => {
    expect(() => parseInstant(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('is read back as it is written, to the microsecond', () => {
    const years = fc.integer({ min: Date.UTC(2000, 0) * 1000, max: Date.UTC(2099, 0) * 1000 });
    fc.assert(fc.property(years, (micros) => parseInstant(instantText(micros)) === micros));
  });

  test('means the same moment in every zone', () => {
    const offsets = fc.integer({ min: -12 * 60, max: 14 * 60 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), offsets, (seconds, minutes) => {
        const local = new Date((seconds + minutes * 60) * 1000).toISOString().slice(0, 19);
        const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
        const zone = `${minutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
        expect(parseInstant(`${local}${zone}`)).toBe(seconds * 1_000_000);
      }),
    );
  });
});

describe('the target of a restore', () => {
  test('is one place', () => {
    expect(parseTarget({})).toBeUndefined();
    expect(parseTarget({ lsn: '0/3000028' })).toEqual({ kind: 'lsn', lsn: 0x3000028n });
    expect(() => parseTarget({ lsn: '0/3000028', latest: true })).toThrow('more than one place');
  });

  test.each([{ lsn: '3000028' }, { xid: '2' }, { xid: '-5' }, { name: '' }, { name: "a\nrestore_command = 'rm'" }])(
    '%o is refused',
    (flags) => {
      expect(() => parseTarget(flags)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  test('a transaction of a later epoch is what its commit record holds', () => {
    expect(targetSettings({ kind: 'xid', xid: 2n ** 32n + 7n })).toEqual({ recovery_target_xid: '7' });
  });
});
