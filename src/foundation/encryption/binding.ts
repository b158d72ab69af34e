/** Where a value lives. The names are those at the time of `encryption apply`, whatever the table is called later. */
export interface ColumnName {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/**
 * Lists texts so that no two lists read the same: each as its length in bytes, a colon, itself and a comma
 * (netstrings). The primary key of a row is such a list of its columns' texts, in the key's order.
 */
export function netstrings(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part},`;
  return text;
}

/** What a column's blind index is derived for, and the first half of what its values are bound to. */
export function columnLabel({ schema, table, column }: ColumnName): string {
  return netstrings([schema, table, column]);
}

/**
 * The associated data of a value: moved to another row, column or table, given another key id or another index, it no
 * longer opens.
 *
 * @param label `columnLabel` of its column
 * @param rowKey `netstrings` of its row's primary key
 */
export function associatedData(label: string, rowKey: string, keyId: string, index = ''): Buffer {
  return Buffer.from(`vt1.${keyId}.${index}.${label}${rowKey}`);
}
