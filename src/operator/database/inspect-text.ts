import { bytes, duration, instant, whole } from '../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../foundation/core/style.ts';
import { textTable, type Column } from '../../foundation/core/text-table.ts';
import { visible } from '../../foundation/core/visible.ts';
import type { InspectReport } from './inspect-reports.ts';
import type { InspectResult, InspectRow } from './inspect.ts';

/** Enough to recognise a statement by; `--json` has all of it. */
const SHOWN = 60;
/** More than these do not fit beside each other. */
const GRID_COLUMNS = 8;

export function renderInspect({ title, nothing }: InspectReport, result: InspectResult, style: Style = PLAIN): string {
  const { rows, report, database } = result;
  const head = ['', `  ${style.bold(report)}: ${title}`, `  ${style.dim(`database ${database}`)}`, ''];
  if (rows === null) return [...head, '  Needs pg_stat_statements, which this server does not keep', ''].join('\n');
  if (rows.length === 0) return [...head, `  ${style.green('✓')} ${nothing}`, ''].join('\n');
  // A single row of many figures reads better from top to bottom.
  const [first] = rows;
  const wide = rows.length === 1 && first !== undefined && Object.keys(first).length > GRID_COLUMNS;
  const lines = wide ? list(first, style) : grid(rows, style);
  return [...head, ...lines, ''].join('\n');
}

function grid(rows: readonly InspectRow[], style: Style): string[] {
  const names = Object.keys(rows[0] ?? {});
  const columns = names.map((name): Column => {
    const numeric = rows.some((row) => typeof row[name] === 'number');
    return { title: titleOf(name), ...(numeric && { align: 'right' as const }) };
  });
  return textTable(
    columns,
    rows.map((row) => names.map((name) => shown(name, row[name] ?? null))),
    style.dim,
  );
}

function list(row: InspectRow, style: Style): string[] {
  const width = Math.max(...Object.keys(row).map((name) => titleOf(name).length));
  return Object.entries(row).map(
    ([name, value]) => `  ${style.dim(titleOf(name).padEnd(width))}  ${visible(shown(name, value))}`,
  );
}

function titleOf(name: string): string {
  return name
    .replace(/_(bytes|ms)$/, '')
    .replaceAll('_', ' ')
    .replace(/ percent$/, ' %');
}

function shown(name: string, value: InspectRow[string]): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') {
    if (/^\d{4}-\d\d-\d\dT/.test(value)) return instant(value);
    return /(^|_)query$/.test(name) && value.length > SHOWN ? `${value.slice(0, SHOWN - 1)}…` : value;
  }
  if (name.endsWith('_bytes')) return bytes(value);
  if (name.endsWith('_ms')) return value < 1000 ? `${value.toFixed(1)} ms` : duration(value / 1000);
  return Number.isInteger(value) ? whole(value) : String(value);
}
