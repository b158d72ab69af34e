import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ident, literal } from '../../../src/foundation/postgres/sql.ts';

/** Postgres' own rules for reading the two forms back (Lexical Structure, 4.1); undefined where it would not end there. */
function readIdentifier(sql: string): string | undefined {
  return /^"(?:[^"]|"")*"$/s.test(sql) ? sql.slice(1, -1).replaceAll('""', '"') : undefined;
}

function readLiteral(sql: string): string | undefined {
  if (/^'(?:[^'\\]|'')*'$/s.test(sql)) return sql.slice(1, -1).replaceAll("''", "'");
  if (!/^E'(?:[^'\\]|''|\\.)*'$/s.test(sql)) return undefined;
  return sql.slice(2, -1).replaceAll(/''|\\(.)/gs, (match, escaped: string | undefined) => escaped ?? match.charAt(0));
}

const hostile = fc.string({ unit: fc.constantFrom('"', "'", '\\', '.', ';', '-', 'a', 'É', '\n', '😀') });

describe('quoting', () => {
  const anything = fc.oneof(hostile, fc.string());

  test('an identifier reads back as it was', () => {
    fc.assert(fc.property(anything, (name) => readIdentifier(ident(name)) === name));
  });

  test('a literal reads back as it was, with or without standard_conforming_strings', () => {
    fc.assert(fc.property(anything, (text) => readLiteral(literal(text)) === text));
  });

  test('parts are quoted one by one', () => {
    expect(ident('public', 'odd.name')).toBe('"public"."odd.name"');
    expect(literal('plain')).toBe("'plain'");
  });
});
