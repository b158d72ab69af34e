import type { ColumnFacts, Sensitivity } from './model.ts';

/** Name patterns by what such columns hold: `*token*`, `license_keys.key`, and `!*_status` for what is none after all. */
export interface Patterns {
  readonly credential: readonly string[];
  readonly payment: readonly string[];
  readonly personal: readonly string[];
}

export interface SensitiveColumn {
  readonly name: string;
  readonly holds: Sensitivity;
}

/** Columns of a table that hold what others should not read, as far as names and types tell; the gravest first. */
export function sensitiveColumns(
  table: string,
  columns: readonly ColumnFacts[],
  patterns: Patterns,
): SensitiveColumn[] {
  const found = columns.flatMap((column): SensitiveColumn[] => {
    const holds = KINDS.find((kind) => fits(patterns[kind], table, column, kind));
    return holds === undefined ? [] : [{ name: column.name, holds }];
  });
  return found.toSorted((a, b) => KINDS.indexOf(a.holds) - KINDS.indexOf(b.holds));
}

/** The gravest first: a column counts once. */
const KINDS: readonly Sensitivity[] = ['credential', 'payment', 'personal'];

function fits(patterns: readonly string[], table: string, column: ColumnFacts, kind: Sensitivity): boolean {
  if (column.encrypted || !canHold(column, kind)) return false;
  const matches = (pattern: string): boolean => matchesColumn(pattern, table, column.name);
  const none = patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1)));
  return !none && patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern));
}

/** `has_api_key` and `token_expires_at` hold no key and no token; a place on earth is a number. */
function canHold({ category, type }: ColumnFacts, kind: Sensitivity): boolean {
  if (category === 'B' || category === 'D' || category === 'T' || category === 'E') return false;
  return category !== 'N' || (kind === 'personal' && type.startsWith('numeric')) || type.startsWith('double');
}

/** `column` or `table.column`, with `*` for any run of characters, whatever the case. */
export function matchesColumn(pattern: string, table: string, column: string): boolean {
  const dot = pattern.indexOf('.');
  if (dot < 0) return glob(pattern).test(column);
  return glob(pattern.slice(0, dot)).test(table) && glob(pattern.slice(dot + 1)).test(column);
}

export function glob(pattern: string): RegExp {
  const escaped = pattern.split('*').map((piece) => piece.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('.*')}$`, 'is');
}
