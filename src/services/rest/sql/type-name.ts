import { ident } from '../../../foundation/postgres/sql.ts';

/** Types whose names are words of the grammar; any other is an identifier. */
const GRAMMAR = new Set([
  'int',
  'integer',
  'bigint',
  'smallint',
  'real',
  'double precision',
  'decimal',
  'dec',
  'numeric',
  'boolean',
  'char',
  'character',
  'character varying',
  'varchar',
  'bit',
  'bit varying',
  'time',
  'time with time zone',
  'time without time zone',
  'timestamp',
  'timestamp with time zone',
  'timestamp without time zone',
  'interval',
]);

/** A client's `::type` as SQL. The parser lets only words, one modifier and brackets through. */
export function castType(text: string): string {
  const [, name = '', modifier = '', brackets = ''] = /^([^([]*)(\([\d,]*\))?((?:\[\])*)$/.exec(text) ?? [];
  const word = name.trim();
  const base = GRAMMAR.has(word.toLowerCase()) ? word.toLowerCase() : ident(word);
  return base + modifier + brackets;
}
