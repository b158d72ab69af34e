import { createHash } from 'node:crypto';

/** What Postgres keeps of a name (NAMEDATALEN - 1). */
const NAME_BYTES = 63;

/**
 * `sales_product_id_idx`, as Postgres itself would call it. A longer one is cut in the middle and gets eight digits of a
 * hash, so that the same index has the same name in every run; a number follows where the name is taken.
 */
export function indexName(table: string, columns: readonly string[], taken: ReadonlySet<string>): string {
  const whole = [table, ...columns, 'idx'].join('_');
  const base = Buffer.byteLength(whole) <= NAME_BYTES ? whole : shortened(whole);
  for (let number = 0; ; number++) {
    const name = number === 0 ? base : `${cut(base, NAME_BYTES - String(number).length)}${number}`;
    if (!taken.has(name)) return name;
  }
}

function shortened(whole: string): string {
  const end = `_${createHash('sha256').update(whole).digest('hex').slice(0, 8)}_idx`;
  return cut(whole, NAME_BYTES - end.length) + end;
}

/** The longest beginning of at most so many bytes that breaks no character. */
function cut(text: string, bytes: number): string {
  let used = 0;
  let result = '';
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > bytes) break;
    result += character;
  }
  return result;
}
