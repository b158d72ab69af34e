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

/** A hash of the row's number between 0 and `below` - 1. */
export function hash(tag: string, below: number): string {
  return `(standin.h(n, '${tag}') % ${below})`;
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
  return `standin.at(n, '${tag}')`;
}

export function words(tag: string): string {
  return `standin.words(n, '${tag}')`;
}

/** Every `step`th row holds one of the texts that copies break on. */
export function nastyOr(step: number, value: string): string {
  return `case when n % ${step} = 3 then standin.nasty(n / ${step} + 3 * ${step}) else ${value} end`;
}

/** The id of row `number` of a kind. */
export function id(kind: string, number = 'n'): string {
  return `standin.id('${kind}', ${number})`;
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
