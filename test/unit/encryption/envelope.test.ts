import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { netstrings } from '../../../src/foundation/encryption/binding.ts';
import { formatEnvelope, newKeyId, parseEnvelope } from '../../../src/foundation/encryption/envelope.ts';
import { ColumnKeys, type Place } from '../../../src/foundation/encryption/column-keys.ts';
import { anyText } from '../../support/any-text.ts';

const activeId = newKeyId();
const keys = new ColumnKeys({
  data: new Map([[activeId, randomBytes(32)]]),
  activeId,
  index: randomBytes(32),
  indexId: newKeyId(),
});
const names = fc.record({ schema: anyText, table: anyText, column: anyText });
const places: fc.Arbitrary<Place> = fc.record({
  column: names,
  rowKey: fc.array(anyText, { maxLength: 3 }).map((parts) => netstrings(parts)),
});
const values = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));

test('lists of texts are told apart, whatever stands in them', () => {
  const lists = fc.array(fc.oneof(anyText, fc.constantFrom('', ',', ':', '1:a,', '0:,')), { maxLength: 4 });
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      expect(netstrings(a) === netstrings(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
  );
});

describe('an envelope', () => {
  test('gives back what was sealed, at its place', () => {
    fc.assert(
      fc.property(places, values, fc.boolean(), (place, value, indexed) => {
        const opened = keys.open(place, keys.seal(place, value, indexed));
        expect(opened.ok && opened.plaintext.equals(value)).toBe(true);
      }),
    );
  });

  test('opens at no other place', () => {
    fc.assert(
      fc.property(places, places, values, (here, there, value) => {
        fc.pre(JSON.stringify(here) !== JSON.stringify(there));
        expect(keys.open(there, keys.seal(here, value, true)).ok).toBe(false);
      }),
    );
  });

  test('is refused with any character changed, with any cut off, and with any added', () => {
    const place = { column: { schema: 'public', table: 'api_keys', column: 'key' }, rowKey: netstrings(['7']) };
    for (const length of [0, 1, 2, 3, 40]) {
      const text = keys.seal(place, randomBytes(length), true);
      for (let at = 0; at < text.length; at++) {
        for (const other of ['A', 'b', '2', '_', '.', '']) {
          if (text[at] === other) continue;
          const changed = text.slice(0, at) + other + text.slice(at + 1);
          expect(keys.open(place, changed).ok).toBe(false);
        }
        expect(keys.open(place, text.slice(0, at)).ok).toBe(false);
      }
      for (const more of ['A', '=', '\n', ' ', '.']) expect(keys.open(place, text + more).ok).toBe(false);
    }
  });

  test('has one spelling', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 28, maxLength: 60 }),
        fc.option(fc.stringMatching(/^[\w-]{22}$/)),
        (box, index) => {
          const envelope = { keyId: activeId, box: Buffer.from(box), index: index ?? undefined };
          const text = formatEnvelope(envelope);
          expect(parseEnvelope(text)).toEqual(envelope);
          expect(Buffer.from(text).every((byte) => byte < 128)).toBe(true);
        },
      ),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^vt1\.[a-z2-7]{8}\.[\w-]{38,42}$/), (text) => {
        const parsed = parseEnvelope(text);
        expect(parsed === undefined ? text : formatEnvelope(parsed)).toBe(text);
      }),
    );
  });

  test('of a key that is not here says so', () => {
    const other = newKeyId();
    const place = { column: { schema: 'a', table: 'b', column: 'c' }, rowKey: '' };
    const text = keys.seal(place, Buffer.from('x'), false).replace(activeId, other);
    expect(keys.open(place, text)).toEqual({ ok: false, why: 'unknown-key' });
    expect(keys.open(place, 'x')).toEqual({ ok: false, why: 'not-an-envelope' });
  });
});

test('a blind index is of its value and its column', () => {
  fc.assert(
    fc.property(names, names, values, values, (here, there, one, two) => {
      expect(keys.blindIndex(here, one)).toMatch(/^[\w-]{22}$/);
      expect(keys.blindIndex(here, one) === keys.blindIndex({ ...here }, two)).toBe(one.equals(two));
      fc.pre(JSON.stringify(here) !== JSON.stringify(there));
      expect(keys.blindIndex(here, one)).not.toBe(keys.blindIndex(there, one));
    }),
  );
});
