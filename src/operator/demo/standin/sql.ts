/** The rows of one table: SQL expressions over `n` (1, 2, 3 …), by column. */
export interface TableRows {
  readonly table: string;
  readonly rows: number;
  readonly columns: Readonly<Record<string, string>>;
  /** Leaves some `n` out. */
  readonly where?: string;
}

export function insertRows({ table, rows, columns, where }: TableRows): string {
  const name = table.includes('.') ? table : `public.${table}`;
  const into = Object.keys(columns).join(', ');
  const values = Object.values(columns).join(',\n  ');
  const filter = where === undefined ? '' : `\nwhere ${where}`;
  return `insert into ${name} (${into})\nselect\n  ${values}\nfrom generate_series(1, ${rows}::bigint) as n${filter}`;
}

/**
 * Functions of the session that all values come from: hashes of the row's number, never random() or now(), so that a
 * seed always makes the same bytes. Ids do not depend on the seed: tests name rows by id.
 */
export function helperFunctions(seed: number): string {
  return `
create function pg_temp.id(kind text, n bigint) returns uuid language sql immutable as $body$
  select overlay(overlay(md5(kind || '/' || n) placing '4' from 13 for 1) placing 'a' from 17 for 1)::uuid
$body$;
create function pg_temp.h(n bigint, tag text) returns bigint language sql immutable as $body$
  select hashint8extended(n, hashtextextended(tag, ${seed})) & 9223372036854775807
$body$;
-- Between 2025-09-26 and 2026-03-01, microseconds and all.
create function pg_temp.at(n bigint, tag text) returns timestamptz language sql immutable as $body$
  select timestamptz '2025-09-26 08:00:00+00' + (pg_temp.h(n, tag) % 13478400000000) * interval '1 microsecond'
$body$;
create function pg_temp.words(n bigint, tag text) returns text language sql immutable as $body$
  select w[1 + h % 32] || ' ' || w[1 + (h >> 5) % 32] || ' ' || w[1 + (h >> 10) % 32] || ' ' || w[1 + (h >> 15) % 32]
  from (select pg_temp.h(n, tag) as h, ${array(WORDS)} as w) as x
$body$;
create function pg_temp.nasty(n bigint) returns text language sql immutable as $body$
  select (${array(NASTY)})[1 + n % ${NASTY.length}]
$body$;`;
}

/** A hash of the row's number between 0 and `below` - 1. */
export function hash(tag: string, below: number): string {
  return `(pg_temp.h(n, '${tag}') % ${below})`;
}

/** One of the values, as text. */
export function oneOf(tag: string, ...values: string[]): string {
  return `(${array(values)})[1 + ${hash(tag, values.length)}]`;
}

/** Money between 1.00 and `below`, two decimals. */
export function money(tag: string, below: number): string {
  return `(100 + ${hash(tag, below * 100 - 100)})::numeric / 100`;
}

/** True for `percent` of the rows. */
export function chance(tag: string, percent: number): string {
  return `${hash(tag, 100)} < ${percent}`;
}

/** `value` for `percent` of the rows, else null. */
export function sometimes(tag: string, percent: number, value: string): string {
  return `case when ${chance(tag, percent)} then ${value} end`;
}

export function at(tag: string): string {
  return `pg_temp.at(n, '${tag}')`;
}

export function words(tag: string): string {
  return `pg_temp.words(n, '${tag}')`;
}

/** Every `step`th row holds one of the texts that copies break on. */
export function nastyOr(step: number, value: string): string {
  return `case when n % ${step} = 3 then pg_temp.nasty(n / ${step} + 3 * ${step}) else ${value} end`;
}

/** The id of row `number` of a kind. */
export function id(kind: string, number = 'n'): string {
  return `pg_temp.id('${kind}', ${number})`;
}

/** The id of any of the first `count` rows of a kind. */
export function anyId(kind: string, tag: string, count: number): string {
  return id(kind, `1 + ${hash(tag, count)}`);
}

/**
 * Numbers (1-based) of two parents, so that no pair comes twice while rows <= first x second:
 * `first` goes round, `second` moves on by one each round.
 */
export function pair(first: number, second: number): { first: string; second: string } {
  return { first: `1 + (n - 1) % ${first}`, second: `1 + ((n - 1) / ${first} + 7 * ((n - 1) % ${first})) % ${second}` };
}

function array(values: readonly string[]): string {
  return `array[${values.map((value) => `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`).join(', ')}]`;
}

const WORDS = (
  'amber anvil arrow basil beacon birch canyon cedar comet copper coral crystal dawn delta ember falcon ' +
  'garnet glacier harbor indigo jasper lantern lotus maple meadow nebula onyx orchid pepper quartz raven willow'
).split(' ');

/** Texts that CSV, COPY text format, JSON, drivers and shells stumble over. NUL itself cannot be in a Postgres text. */
export const NASTY: readonly string[] = [
  '',
  ' ',
  '\\',
  '\\N',
  '\\.',
  'NULL',
  '\\0 \\x00 \\u0000',
  'C:\\temp\\new\\table',
  'line\r\nline\rline\nline',
  'tab\there\tand\vthere\b\f',
  `quotes ' " \` $$ $1 ''`,
  '👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 ✔️ 𝔘𝔫𝔦',
  '\u00E9 e\u0301', // composed and decomposed: equal to the eye, not to a hash
  'עברית العربية \u202Eabc',
  '\uFEFFbyte order mark',
  '\u0001\u001F\u007F\u0085\u2028',
  '{"not": "json}',
  '{a,"b",NULL}',
  ',;|\t',
  '  leading and trailing  ',
];
