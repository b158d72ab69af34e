import type { SealedColumn, SealedColumns } from '../../../foundation/encryption/sealed-columns.ts';
import { RestError } from '../errors.ts';
import { Lru } from '../lru.ts';

/** Keys or columns have changed since the schema was read: reading it again helps. */
export class StaleKeys extends RestError {
  constructor() {
    const message = 'a value is under a data key that is not known here yet';
    super({ status: 503, code: 'VT002', message, headers: [['Retry-After', '1']] });
  }
}

/**
 * Replaces all that stands between marks by its plaintext. Works on bytes as characters (latin1), which is what makes
 * 100 rows cost less than a millisecond; what is beyond ASCII passes through untouched.
 *
 * @throws StaleKeys; RestError VT004 for a value that was changed, or moved from another row or column
 */
export function revealAll(body: Buffer, mark: string, csv: boolean, sealed: SealedColumns): Buffer {
  const text = body.toString('latin1');
  const opened = openedBy(sealed);
  let result = '';
  let done = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, done)) {
    const start = at + mark.length;
    const end = text.indexOf(mark, start);
    // A slice of the text would keep all of it in memory.
    const inner = body.toString('latin1', start, end);
    let shown = csv ? undefined : opened.get(inner);
    if (shown === undefined) {
      shown = escape(reveal(unescape(inner, csv), sealed), csv);
      if (!csv) opened.set(inner, shown);
    }
    result += text.slice(done, at) + shown;
    done = end + mark.length;
  }
  return Buffer.from(result + text.slice(done), 'latin1');
}

/** Values that are remembered: some megabytes. */
const REMEMBERED = 10_000;
const remembered = new WeakMap<SealedColumns, Lru<string>>();

/**
 * What was opened lately, by column, row and envelope: the same three open to the same text. Whoever could read this
 * memory would find the keys beside it.
 */
function openedBy(sealed: SealedColumns): Lru<string> {
  let opened = remembered.get(sealed);
  if (!opened) remembered.set(sealed, (opened = new Lru(REMEMBERED)));
  return opened;
}

function reveal(inner: string, sealed: SealedColumns): string {
  const tilde = inner.indexOf('~');
  const column = sealed.byId(Number(inner.slice(0, tilde)));
  if (column === undefined) throw new StaleKeys();
  const keyEnd = skipNetstrings(inner, tilde + 1, column.rowKey.length);
  const rowKey = toUtf8(inner.slice(tilde + 1, keyEnd));
  const stored = inner.slice(keyEnd);
  const text = column.form === 'bytea' ? Buffer.from(stored, 'hex').toString('latin1') : stored;
  const opened = sealed.keys.open({ column: column.name, rowKey }, text);
  if (opened.ok) return asType(opened.plaintext, column);
  if (opened.why === 'unknown-key') throw new StaleKeys();
  if (opened.why === 'not-an-envelope' && column.mixed) return asType(Buffer.from(text, 'latin1'), column);
  throw forged(column, opened.why === 'not-an-envelope');
}

/** As Postgres prints the column's type. */
function asType(plaintext: Buffer, { form }: SealedColumn): string {
  return form === 'bytea' ? `\\x${plaintext.toString('hex')}` : plaintext.toString('latin1');
}

function skipNetstrings(text: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0; left--) {
    const colon = text.indexOf(':', at);
    at = colon + 2 + Number(text.slice(at, colon));
  }
  return at;
}

function toUtf8(text: string): string {
  return /[\u0080-\u00ff]/.test(text) ? Buffer.from(text, 'latin1').toString() : text;
}

function unescape(text: string, csv: boolean): string {
  if (csv) return text.replaceAll('""', '"').replaceAll('\\\\', '\\');
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

/** CSV fields with a row's key in them are always in quotes: a key ends with a comma. */
function escape(text: string, csv: boolean): string {
  if (csv) return text.replaceAll('\\', '\\\\').replaceAll('"', '""');
  return PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1);
}
// eslint-disable-next-line no-control-regex
const PLAIN = /^[^"\\\u0000-\u001f]*$/;

function forged({ name }: SealedColumn, plain: boolean): RestError {
  return new RestError({
    status: 500,
    code: 'VT004',
    message: plain
      ? `a value of ${name.table}.${name.column} is not encrypted`
      : `a value of ${name.table}.${name.column} is not one that was encrypted for its row`,
    hint: 'vectabase encryption verify names the rows.',
  });
}
